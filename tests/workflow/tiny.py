"""A pipeline that really runs within minutes: a dozen tiny images, trainings of a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.workflow.conftest import DATA

TRAINING: dict[str, Any] = {"augmentation": {"crop_size": 64}, "batch_size": 4}
TINY: dict[str, Any] = {
    "data": DATA,
    "runtime": {"device": "cpu", "workers": 0, "batch_size": 4, "checkpoint_minutes": 0},
    "saliency": {"source": "folder", "folder": "maps"},
    "train_classifier": {**TRAINING, "max_steps": 12},
    "cams": {"scales": [1.0], "flip": False},
    "seed_labels": {"cam_threshold": 0.0, "saliency_threshold": 0.5, "background_cam_threshold": 1.0},
    "methods": ["auxsegnet"],
    "auxsegnet": {"rounds": 1},
    "train_auxsegnet": {**TRAINING, "max_steps": 1, "network": {"channels": 8, "atrous_rates": [1, 2, 3]}},
    "train_segmenter": {**TRAINING, "max_steps": 1, "label_sets": ["seeds"]},
    "report": {"samples": 2},
}


def make_maps(photos: Path, maps: Path) -> None:
    """Perfect saliency, from the masks."""
    for path in (photos / "masks").rglob("*.png"):
        mask = np.asarray(Image.open(path))
        target = maps / path.relative_to(photos / "masks")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(mask > 0, 255, 0).astype(np.uint8)).save(target)


BOTH: dict[str, Any] = {
    **TINY,
    "methods": ["auxsegnet", "aalr"],
    "train_aalr": {
        **TRAINING,
        "start": "classifier",
        "max_steps": 2,
        "network": {"channels": 8, "dilation": 1},
        "masks": {"scales": [1.0], "refinement": "pamr", "pamr": {"dilations": [1], "iterations": 1}},
    },
    "train_segmenter": {**TRAINING, "max_steps": 1, "label_sets": ["auxsegnet", "aalr"]},
    "predict": {"protocols": {"single": {}}},
}
"""Both methods, and the network on the labels of each."""
