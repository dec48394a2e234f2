"""Values in label maps that are not a class of objects."""

from __future__ import annotations

BACKGROUND = 0
IGNORE_INDEX = 255
"""Ignored: the pixel is neither learned from nor judged. The masks of VOC use the same value."""
