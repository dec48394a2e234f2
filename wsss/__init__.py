"""Weakly supervised semantic segmentation: image-level labels in, pixel masks and a trained network out."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
