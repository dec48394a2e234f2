"""Loss functions, one file per idea; pure functions of tensors."""

from __future__ import annotations

from wsss.losses.auxsegnet import auxsegnet_losses
from wsss.losses.classification import multi_label_soft_margin
from wsss.losses.saliency import saliency_cross_entropy
from wsss.losses.segmentation import segmentation_cross_entropy

__all__ = ["auxsegnet_losses", "multi_label_soft_margin", "saliency_cross_entropy", "segmentation_cross_entropy"]
