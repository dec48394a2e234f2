"""Pure functions on arrays and tensors: CAMs, pseudo labels, dense CRF, saliency, metrics.

Names are resolved when first used, so that a stage without a network does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsss.ops.cams import refine_cams
    from wsss.ops.crf import dense_crf, dense_crf_batch, saliency_energies
    from wsss.ops.crf_of_many import crf_marginals
    from wsss.ops.mean_field import DenseCRF, DenseCRFBatch
    from wsss.ops.online_masks import OnlinePseudoLabels, online_pseudo_labels
    from wsss.ops.pseudo_labels import fuse_cams_with_saliency, labels_from_cams

_DEFINED_IN = {
    "DenseCRF": "wsss.ops.mean_field",
    "DenseCRFBatch": "wsss.ops.mean_field",
    "OnlinePseudoLabels": "wsss.ops.online_masks",
    "crf_marginals": "wsss.ops.crf_of_many",
    "dense_crf": "wsss.ops.crf",
    "dense_crf_batch": "wsss.ops.crf",
    "fuse_cams_with_saliency": "wsss.ops.pseudo_labels",
    "labels_from_cams": "wsss.ops.pseudo_labels",
    "online_pseudo_labels": "wsss.ops.online_masks",
    "refine_cams": "wsss.ops.cams",
    "saliency_energies": "wsss.ops.crf",
}

__all__ = [
    "DenseCRF",
    "DenseCRFBatch",
    "OnlinePseudoLabels",
    "crf_marginals",
    "dense_crf",
    "dense_crf_batch",
    "fuse_cams_with_saliency",
    "labels_from_cams",
    "online_pseudo_labels",
    "refine_cams",
    "saliency_energies",
]


def __getattr__(name: str) -> Any:
    if name in _DEFINED_IN:
        return getattr(import_module(_DEFINED_IN[name]), name)
    raise AttributeError(f"module `wsss.ops` has no attribute `{name}`")
