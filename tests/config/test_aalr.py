from __future__ import annotations

import pytest

from wsss.config.aalr import TrainAalr
from wsss.errors import InputError


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(InputError, match="leaves none for the segmentation"):
        TrainAalr.parse({"epochs": 3, "warmup_epochs": 3})
    with pytest.raises(InputError, match="the first phase would learn nothing"):
        TrainAalr.parse({"loss_weights": {"classification": 0}})
    with pytest.raises(InputError, match="all losses have the weight 0"):
        nothing = {"adaptive_affinity": {"weight": 0}, "label_reassign": {"weight": 0}}
        TrainAalr.parse({**nothing, "warmup_epochs": 0, "loss_weights": {"classification": 0, "segmentation": 0}})
    with pytest.raises(InputError, match="goes on from the classifier's weights"):
        TrainAalr.parse({"start": "classifier", "backbone": {"weights": "none"}})
    assert TrainAalr.parse({"epochs": 9}).warmup == 4
    assert TrainAalr.parse({"epochs": 9, "start": "classifier"}).warmup == 0


def test_a_source_of_masks_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="set start to `classifier`, or another mask_source"):
        TrainAalr.parse({"mask_source": "start"})
    with pytest.raises(InputError, match="no CAMs are made in training: set it to 0"):
        TrainAalr.parse({"mask_source": "cams", "mask_delay": 1})
