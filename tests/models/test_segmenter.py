from __future__ import annotations

import torch

from wsss import config
from wsss.models import Classifier, Segmenter

SMALL = config.BackboneSettings(name="tf_efficientnet_lite0", weights="none", output_stride=16, frozen_stages=2)


def test_groups_hold_every_trainable_parameter_once() -> None:
    network = Segmenter(SMALL, 4, head_channels=16)
    groups = network.parameter_groups()
    grouped = [id(parameter) for parameters in groups.values() for parameter in parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    assert all(parameter.requires_grad for parameter in groups["pretrained"])


def test_segmenter_gives_logits_at_feature_resolution() -> None:
    network = Segmenter(SMALL, 4, head_channels=16, atrous_rates=(2, 4)).eval()
    assert network(torch.rand(2, 3, 64, 96)).shape == (2, 5, 4, 6)


def test_it_has_nothing_that_its_loss_does_not_train() -> None:
    network = Segmenter(SMALL, 4, head_channels=16)
    network(torch.rand(2, 3, 64, 64)).sum().backward()
    assert [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None] == []


def test_it_starts_from_a_classifier() -> None:
    classifier, network = Classifier(SMALL, 4), Segmenter(SMALL, 4, head_channels=16)
    assert all(name.startswith(("pyramid.", "head.")) for name in network.start_from(classifier.state_dict()))
