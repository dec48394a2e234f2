"""Loss functions, one file per idea; pure functions of tensors."""

from __future__ import annotations

from wsss.losses.segmentation import segmentation_cross_entropy

__all__ = ["segmentation_cross_entropy"]
