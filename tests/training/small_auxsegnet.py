"""A small network of AuxSegNet and its images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.training.tiny import NoiseImages
from wsss.config import Augmentation
from wsss.config.auxsegnet import AuxSegNetNetwork
from wsss.data.loaders import Draw, TrainingImages
from wsss.models import AuxSegNet
from wsss.training.checkpoint import build_model

BACKBONE = {"name": "tf_efficientnet_lite0", "weights": "none", "output_stride": 16, "frozen_stages": 6}
NAMES = ("background", "odd", "third")


class NoiseMaps:
    """Label maps of `NoiseImages`, or a saliency map that is bright in the left half."""

    def __init__(self, images: NoiseImages, *, saliency: bool) -> None:
        self._images, self._saliency = images, saliency

    def __getitem__(self, image_id: str) -> np.ndarray:
        height, width = self._images.size(image_id)
        if not self._saliency:
            return np.full((height, width), int(image_id.removeprefix("image")) % 3, np.uint8)
        return np.where(np.arange(width) < width / 2, 200, 60).astype(np.uint8)[None].repeat(height, 0)


def network(backbone: dict[str, Any] = BACKBONE, **settings: Any) -> AuxSegNet:
    values = AuxSegNetNetwork.parse({"channels": 4, "atrous_rates": [1, 2, 3], **settings}).model_dump(mode="json")
    return build_model(AuxSegNet, {"backbone": backbone, **values}, 2, seed=1)


def training_images(images: NoiseImages | None = None, **settings: Any) -> TrainingImages:
    images = images or NoiseImages()
    return TrainingImages(
        images,
        images.ids("train"),
        Augmentation.parse({"crop_size": 32, **settings}),
        seed=3,
        labels=NoiseMaps(images, saliency=False),
        saliency=NoiseMaps(images, saliency=True),
        image_labels=True,
    )


def batch(data: TrainingImages | None = None, count: int = 4) -> dict[str, Tensor]:
    data = data or training_images()
    examples = [data[Draw(0, i, i)] for i in range(count)]
    return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}
