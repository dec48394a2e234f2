"""Open whatever segments photographs: a checkpoint, or an exported network, which needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol as Interface

import numpy as np

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data.reading import Reading
from wsss.data.windows import Photograph

EXPORTED = ".onnx"
"""Suffix of exported networks."""


class Predictor(Interface):
    """Segments photographs.

    Attributes:
        class_names: Background first.
        reading: How photographs are read, as in its training.
    """

    class_names: tuple[str, ...]
    reading: Reading

    def probabilities(self, image: np.ndarray, protocol: Protocol, max_side: int) -> np.ndarray:
        """Compute class probabilities of a photograph at the size that the network saw.

        Args:
            image: (H, W, C) uint8: RGB, or as many bands as `reading` has.
            protocol: Scales, flip, CRF.
            max_side: Longest side that the network sees, but for snapping to its grid.

        Returns:
            (K, h, w) float32, background first, summing to 1.

        Raises:
            InputError: If the protocol asks for what the network cannot do.
        """

    def labels(
        self, photographs: Iterable[tuple[str, np.ndarray]], protocol: Protocol, max_side: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name and the labels (H, W) uint8 of each photograph, at its own size."""

    def tiled_labels(self, photograph: Photograph, protocol: Protocol, max_side: int) -> np.ndarray:
        """Return the labels (H, W) uint8 of a photograph that is seen in the protocol's tiles, at its own size.

        Raises:
            InputError: If the network cannot do that.
        """


def open_predictor(model: Path, context: RunContext = RunContext()) -> Predictor:
    """Open a checkpoint, or a network that `wsss export_model --to onnx` wrote.

    Raises:
        InputError: If the file cannot be read or segments nothing, or the device is not there.
    """
    if model.suffix.lower() == EXPORTED:
        from wsss.stages.exported import ExportedPredictor

        return ExportedPredictor(model, context)
    from wsss.stages.photo_predictor import PhotoPredictor

    return PhotoPredictor(model, context)
