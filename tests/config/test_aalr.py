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
