"""Class activation maps as artifacts hold them: of present classes only, on pixels, a quarter of the image wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.data import Dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.data.loaders import CamSource
from wsss.ops.cams import normalize_cams

CAM_STRIDE = 4
"""Side of a stored pixel in pixels of the image: finer than any backbone's features, in a sixteenth of the space."""

StoredCams = tuple[str, np.ndarray, np.ndarray]
"""The name of an image, its CAMs (P, h, w) float16 in [0, 1], and the label values of their classes (P,) uint8."""


@dataclass(frozen=True)
class CamBatch:
    """CAMs of a batch on the network's device.

    Attributes:
        ids: Names of the images.
        maps: (N, C, h, w), not negative, of all classes.
        present: For each image the classes that its labels name, counted without background.
    """

    ids: Sequence[str]
    maps: Tensor
    present: Sequence[np.ndarray]

    def chosen(self) -> Tensor:
        """Pick the maps of the present classes, those of the first image first: (sum of P, h, w)."""
        images = np.repeat(np.arange(len(self.ids)), [len(classes) for classes in self.present])
        classes = np.concatenate(self.present)
        pairs = torch.from_numpy(np.stack([images, classes])).to(self.maps.device)
        return self.maps[pairs[0], pairs[1]]

    def split(self, planes: np.ndarray) -> list[np.ndarray]:
        """Divide arrays (sum of P, ...) of the present classes among the images: (P, ...) each."""
        return np.split(planes, np.cumsum([len(classes) for classes in self.present])[:-1])


def cam_size(images: Tensor) -> tuple[int, int]:
    """Return height and width in which the CAMs of images (N, 3, H, W) are stored."""
    return images.shape[2] // CAM_STRIDE, images.shape[3] // CAM_STRIDE


def present_cams(batch: CamBatch) -> list[StoredCams]:
    """Divide the CAMs of present classes by their maxima; no others are computed with or copied to the host."""
    with torch.inference_mode():
        planes = normalize_cams(batch.chosen()).half().cpu().numpy()
    values = [classes.astype(np.uint8) + 1 for classes in batch.present]
    return list(zip(batch.ids, batch.split(planes), values, strict=True))


class ArtifactCams(CamSource):
    """The CAMs of an artifact of stage `cams`, to train on; can be pickled to loader workers.

    Args:
        path: The artifact.
        dataset: Whose training images must all have CAMs.

    Raises:
        InputError: If an image has none, or they belong to other images or classes.
    """

    def __init__(self, path: Path, dataset: Dataset) -> None:
        self._reader = IndexedArtifact(path, "cams", dataset).require("cams", dataset.ids("train"))

    def __getitem__(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        planes, attributes = self._reader.read_with_attributes("cams", image_id)
        return planes.astype(np.float32), attributes["classes"]
