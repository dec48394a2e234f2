"""Values in label maps that are not a class of objects."""

from __future__ import annotations

import numpy as np

BACKGROUND = 0
IGNORE_INDEX = 255
"""Ignored: the pixel is neither learned from nor judged. The masks of VOC use the same value."""


def has_unknown(labels: np.ndarray, num_classes: int) -> bool:
    """Tell whether a label map (H, W) uint8, not empty, holds a value between the classes and 255."""
    # 255 + 1 is 0 in uint8, so one pass finds it
    return int((labels + np.uint8(1)).max()) > num_classes + 1
