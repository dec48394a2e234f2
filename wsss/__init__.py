"""Weakly supervised semantic segmentation: train segmentation networks from image-level labels."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
