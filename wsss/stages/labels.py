"""Read label maps to train on, check them, and hand them to loader workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsss.data import Dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.data.loaders import LabelSource
from wsss.errors import InputError
from wsss.pipeline.names import LABEL_STAGES


class Labels(LabelSource, ABC):
    """Label maps of the training images; can be pickled to loader workers.

    Attributes:
        ids: The training images that have a label map.
    """

    ids: Sequence[str]

    def __init__(self, dataset: Dataset, place: str, hint: str) -> None:
        self._dataset, self._place, self._hint = dataset, place, hint

    def __getitem__(self, image_id: str) -> np.ndarray:
        return self._read(image_id)

    def check(self) -> None:
        """Check that some label map holds a class; training on none would succeed and be worthless.

        Raises:
            InputError: If no label map holds a class.
        """
        background = False
        for image_id in self.ids:
            labels = self[image_id]
            if ((labels > 0) & (labels != self._dataset.ignore_index)).any():
                return
            background = background or bool((labels == 0).any())
        what = "only background" if background else f"no pixel other than {self._dataset.ignore_index} (ignored)"
        raise InputError(f"{self._place}: the labels of all {len(self.ids)} training images hold {what}; {self._hint}")

    @abstractmethod
    def _read(self, image_id: str) -> np.ndarray:
        """Read the label map (H, W) as it is stored."""


class ArtifactLabels(Labels):
    """Label maps from an artifact of a label stage. Every training image must have one."""

    def __init__(self, path: Path, dataset: Dataset) -> None:
        super().__init__(dataset, str(path), "look at the CAMs, and lower the thresholds of the stage that made them")
        self._reader = IndexedArtifact(path, LABEL_STAGES, dataset)
        self.ids = self._required = dataset.ids("train")

    def check(self) -> None:
        """Check also that the labels are of these classes and images."""
        self._reader.require("segmentation", self._required)
        super().check()
        # each loader process opens the file itself
        self._reader.close()

    def saliency(self) -> LabelSource:
        """Open the saliency labels (H, W) uint8 of the same artifact.

        Raises:
            InputError: If an image has none.
        """
        if "saliency" not in self._reader.kinds():
            raise InputError(
                f"{self._place}: has no saliency labels; let the stage that makes them use saliency (its setting "
                "`rule`)"
            )
        return self._reader.require("saliency", self._required)["saliency"]

    def _read(self, image_id: str) -> np.ndarray:
        return self._reader.read("segmentation", image_id)
