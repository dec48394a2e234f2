"""Values in label maps that are no class of an object."""

from __future__ import annotations

BACKGROUND = 0
IGNORE_INDEX = 255
"""A pixel that is neither learned from nor judged; it also stands for itself in the masks of VOC."""
