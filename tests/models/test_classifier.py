from __future__ import annotations

import torch

from wsss import config
from wsss.models import Classifier

SMALL = config.BackboneSettings(name="tf_efficientnet_lite0", weights="none", output_stride=16, frozen_stages=2)


def test_cams_are_the_classifier_on_the_features_before_the_pool() -> None:
    network = Classifier(SMALL, 3).eval()
    output = network(torch.rand(2, 3, 64, 96), cams=True)
    assert output.cams is not None
    assert output.cams.shape == (2, 3, 4, 6)
    assert output.cams.min() >= 0
    features = network.backbone.classification_head(network.backbone(torch.ones(1, 3, 64, 64)))
    raw = torch.einsum("kc,nchw->nkhw", network.classifier.weight[:, :, 0, 0], features)
    assert torch.allclose(raw.mean((-2, -1)), network(torch.ones(1, 3, 64, 64)).logits, atol=1e-4)
    assert network(torch.rand(1, 3, 64, 64)).cams is None
