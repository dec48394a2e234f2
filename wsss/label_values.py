"""Values in label maps that are not a class of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BACKGROUND = 0
NO_BACKGROUND = "no background"
"""In place of the name of background, where every pixel belongs to a class: then no label map holds 0."""
IGNORE_INDEX = 255
"""Ignored: the pixel is neither learned from nor judged. The masks of VOC use the same value."""


def has_unknown(labels: np.ndarray, num_classes: int) -> bool:
    """Tell whether a label map (H, W) uint8, not empty, holds a value between the classes and 255."""
    # 255 + 1 is 0 in uint8, so one pass finds it
    return int((labels + 1).max()) > num_classes + 1


def has_background(class_names: Sequence[str]) -> bool:
    """Tell whether a pixel can be background, by the names of the classes, background first."""
    return tuple(class_names[:1]) != (NO_BACKGROUND,)


def class_values(class_names: Sequence[str]) -> range:
    """Return the label values that a pixel can have beside 255: background, where there is one, and the classes."""
    return range(BACKGROUND if has_background(class_names) else BACKGROUND + 1, len(class_names))
