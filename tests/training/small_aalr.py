"""A small network of AA&LR, its images and its training."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.training.tiny import NoiseImages
from wsss.config.aalr import TrainAalr
from wsss.context import RunContext
from wsss.data.loaders import Draw, LabelSource, TrainingImages
from wsss.data.steps import steps_per_epoch
from wsss.grid import FeatureGrid
from wsss.models import AALR
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.training.aalr import AALRModule
from wsss.training.checkpoint import build_model
from wsss.training.trainer import TrainingResult, run_training

BACKBONE = {"name": "tf_efficientnet_lite0", "weights": "none", "output_stride": 16, "frozen_stages": 6}
NAMES = ("background", "odd", "third")
SETTINGS: dict[str, Any] = {
    "backbone": BACKBONE,
    "network": {"channels": 4, "dilation": 1},
    "epochs": 3,
    "warmup_epochs": 1,
    "batch_size": 5,
    "augmentation": {"crop_size": 64, "scale": [2.5, 3.0]},
    "optimizer": {
        "name": "sgd",
        "learning_rate": 0.01,
        "head_multiplier": 10,
        "warmup_learning_rate": 0.02,
        "bias_multiplier": 2,
        "momentum": 0.9,
        "weight_decay": 0.0005,
    },
    "masks": {
        "scales": [1, 0.5],
        "refinement": "pamr",
        "resolution": "feature",
        "pamr": {"dilations": [1]},
        "reliability": "none",
    },
    "adaptive_affinity": {"offset": 1},
    "label_reassign": {"min_points": 1, "margin": 0.0},
}
"""Two steps an epoch: one epoch of classification, two of everything."""


def parse(**changes: Any) -> TrainAalr:
    merged = {
        key: {**SETTINGS[key], **changes[key]} if isinstance(SETTINGS.get(key), dict) and key in changes else value
        for key, value in {**SETTINGS, **changes}.items()
    }
    settings: TrainAalr = TrainAalr.parse(merged)
    return settings


def network(**settings: Any) -> AALR:
    return build_model(AALR, {"backbone": BACKBONE, **SETTINGS["network"], **settings}, 2, seed=1)


def module(step: int = 2, built: AALR | None = None, **changes: Any) -> AALRModule:
    made = AALRModule(built or network(), parse(**changes), class_names=NAMES, steps_per_epoch=2)
    made.begin_step(step, 6)
    return made


class TrueMasks(LabelSource):
    def __init__(self, images: NoiseImages) -> None:
        self._images = images

    def __getitem__(self, image_id: str) -> np.ndarray:
        mask = self._images.mask(image_id)
        return np.full(self._images.size(image_id), 255, np.uint8) if mask is None else mask


def training_images(settings: TrainAalr, images: NoiseImages | None = None) -> TrainingImages:
    images = images or NoiseImages(10)
    labels = TrueMasks(images) if settings.measure_masks else None
    return TrainingImages(images, images.ids("train"), settings.augmentation, seed=3, labels=labels, image_labels=True)


def batch(first: int = 0, **changes: Any) -> dict[str, Tensor]:
    data = training_images(parse(**changes))
    examples = [data[Draw(0, i, i)] for i in range(first, first + 4)]
    return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}


def random_masks(
    cams: Tensor, targets: Tensor, images: Tensor, settings: Any, inside: Tensor, grid: FeatureGrid, **_: Any
) -> OnlinePseudoLabels:
    """Labels of the classes that each image shows, drawn anew for every cell of 16 pixels."""
    generator = torch.Generator().manual_seed(int(images[0, 0, 0, 0]))
    draws = torch.rand(len(images), 3, 4, 4, generator=generator).to(images.device)
    allowed = torch.nn.functional.pad(targets, (1, 0), value=1)[:, :, None, None]
    labels = (draws * allowed).argmax(1).repeat_interleave(16, 1).repeat_interleave(16, 2)
    labels = labels.masked_fill(~inside, 255).to(torch.uint8)
    ones = torch.ones(labels.shape, device=labels.device)
    return OnlinePseudoLabels(labels, ones, ones)


class Stopped(AALRModule):
    """Sends SIGTERM to its own process in the given call."""

    def __init__(self, *args: Any, signal_at: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._left = signal_at

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().losses(batch)


def train(
    folder: Path, *, signal_at: int = 0, built: AALR | None = None, images: NoiseImages | None = None, **changes: Any
) -> tuple[dict[str, Tensor], TrainingResult]:
    settings = parse(**changes)
    folder.mkdir(exist_ok=True)
    data = training_images(settings, images)
    steps = steps_per_epoch(len(data), settings.batch_size)
    made = Stopped(built or network(), settings, class_names=NAMES, steps_per_epoch=steps, signal_at=signal_at)
    result = run_training(
        made,
        data,
        None,
        description="aalr",
        settings=settings,
        context=RunContext(device="cpu", workers=0, seed=3, checkpoint_minutes=0),
        folder=folder,
    )
    return {name: value.clone() for name, value in made.network.state_dict().items()}, result
