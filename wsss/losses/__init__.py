"""Loss functions, one file per idea; pure functions of tensors."""

from __future__ import annotations

from wsss.losses.adaptive_affinity import adaptive_affinity_loss
from wsss.losses.auxsegnet import auxsegnet_losses
from wsss.losses.balanced import balanced_cross_entropy
from wsss.losses.classification import multi_label_soft_margin
from wsss.losses.dense_energy import dense_energy_loss
from wsss.losses.label_reassign import LabelReassignResult, label_reassign_loss
from wsss.losses.saliency import saliency_cross_entropy
from wsss.losses.segmentation import segmentation_cross_entropy

__all__ = [
    "LabelReassignResult",
    "adaptive_affinity_loss",
    "auxsegnet_losses",
    "balanced_cross_entropy",
    "dense_energy_loss",
    "label_reassign_loss",
    "multi_label_soft_margin",
    "saliency_cross_entropy",
    "segmentation_cross_entropy",
]
