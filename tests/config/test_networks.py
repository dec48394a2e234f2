"""Settings that trainings share: distances that follow the stride, and defaults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wsss.config import BackboneSettings, Config, load_config
from wsss.config.aalr import TrainAalr
from wsss.config.rounds import TrainAuxsegnet
from wsss.errors import InputError
from wsss.models.aalr import AALR
from wsss.models.auxsegnet import AuxSegNet


def config(**sections: Any) -> Config:
    return load_config({"run": "x", "data": {"name": "demo"}, **sections})


@pytest.mark.parametrize(
    ("stride", "rates", "dilation", "offset"), [(8, (6, 12, 18), 12, 4), (16, (3, 6, 9), 6, 2), (32, (2, 3, 5), 3, 1)]
)
def test_distances_follow_the_stride(stride: int, rates: tuple[int, ...], dilation: int, offset: int):
    found = config(backbone={"output_stride": stride})
    assert found.train_auxsegnet.network.atrous_rates == rates
    assert found.train_aalr.network.dilation == dilation
    assert found.train_aalr.adaptive_affinity.offset == found.train_auxsegnet.adaptive_affinity.offset == offset
    assert json.loads(found.train_aalr.canonical_json())["network"]["dilation"] == dilation
    alone = {"backbone": {"output_stride": stride}, "network": {}}
    assert TrainAuxsegnet.parse(alone).network.atrous_rates == rates
    assert TrainAalr.parse(alone).network.dilation == dilation


def test_distances_that_are_given_stay():
    network = {"network": {"atrous_rates": [1, 2, 3]}, "adaptive_affinity": {"offset": 7}}
    found = TrainAuxsegnet.parse(network)
    assert (found.network.atrous_rates, found.adaptive_affinity.offset) == ((1, 2, 3), 7)
    assert TrainAalr.parse({"network": {"dilation": 5}}).network.dilation == 5
    assert TrainAalr.parse(TrainAalr().canonical_json()) == TrainAalr()


def test_a_variant_of_the_stride_has_distances_of_its_own():
    sections = {"train_aalr": {"network": {"dilation": None, "channels": 8}, "adaptive_affinity": {"weight": 1}}}
    found = config(**sections, variants={"fine": {"backbone": {"output_stride": 8}}}).for_variant("fine")
    assert (found.train_aalr.network.dilation, found.train_aalr.adaptive_affinity.offset) == (12, 4)


def test_pairs_of_pixels_of_the_image_reach_as_far_at_any_stride():
    for stride in (8, 16, 32):
        loss = TrainAalr.parse({"backbone": {"output_stride": stride}, "adaptive_affinity": {"resolution": "image"}})
        assert loss.adaptive_affinity.offset == 32


def test_networks_built_without_it_take_the_distances_of_their_stride():
    backbone = BackboneSettings(weights="none", output_stride=32)
    assert AALR(backbone, 2, channels=4).embedding.dilation == (3, 3)
    network = AuxSegNet(backbone, 2, channels=4)
    assert network.settings.atrous_rates == (2, 3, 5)
    found = [m.dilation[0] for m in network.segmentation.modules() if getattr(m, "kernel_size", None) == (3, 3)]
    assert found == [2, 3, 5]


def test_networks_that_segment_share_what_they_learn_by():
    found = config()
    rounds, aalr, segmenter = found.train_auxsegnet, found.train_aalr, found.train_segmenter
    assert rounds.augmentation == aalr.augmentation == segmenter.augmentation
    assert rounds.optimizer == segmenter.optimizer
    assert rounds.batch_size == aalr.batch_size == segmenter.batch_size
    own = {"momentum", "warmup_learning_rate", "bias_multiplier", "classifier_multiplier"}
    assert aalr.optimizer.model_dump(exclude=own) == rounds.optimizer.model_dump(exclude=own)
    assert aalr.auto_epochs == found.train_classifier.auto_epochs + rounds.auto_epochs


def test_the_longer_side_is_a_range_in_ascending_order():
    found = config(train_segmenter={"augmentation": {"long_side": [256, 512]}})
    assert found.train_segmenter.augmentation.long_side == (256, 512)
    with pytest.raises(InputError, match=r"long_side must be two numbers in ascending order, got \[512, 256\]"):
        config(train_segmenter={"augmentation": {"long_side": [512, 256]}})
