"""The five losses of AuxSegNet."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from wsss.grid import PIXELS, FeatureGrid
from wsss.label_values import IGNORE_INDEX
from wsss.losses.classification import multi_label_soft_margin
from wsss.losses.saliency import saliency_cross_entropy
from wsss.losses.segmentation import segmentation_cross_entropy
from wsss.losses.whole_batch import ALONE, WholeBatch

LOSSES = {
    "classification": "class_logits",
    "saliency": "saliency_logits",
    "refined_saliency": "refined_saliency_logits",
    "segmentation": "segmentation_logits",
    "refined_segmentation": "refined_segmentation_logits",
}
"""Loss -> the network's output that it is computed from."""


def auxsegnet_losses(
    predictions: Mapping[str, Tensor],
    *,
    targets: Tensor | None,
    labels: Tensor,
    saliency: Tensor | None,
    ignore_index: int = IGNORE_INDEX,
    grid: FeatureGrid = PIXELS,
    whole: WholeBatch = ALONE,
    weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """Compute every loss whose prediction is given, not weighted (AuxSegNet, section 3.4, equations 6 to 8).

    Args:
        predictions: Outputs of the network by name: the values of `LOSSES`.
        targets: (N, C) in {0, 1}; needed where `class_logits` is given.
        labels: (N, H, W), classes with background first, or `ignore_index`.
        saliency: (N, H, W), 1 salient, 0 not, or `ignore_index`; needed where saliency is predicted.
        ignore_index: Marks pixels that count for nothing.
        grid: Where predictions of another size than the labels lie.
        whole: The batch that the means are over, where these are a part of it.
        weights: (C + 1,) float32, factors on the classes, background first; None is 1 for all.

    Returns:
        Scalars by the names of `LOSSES`, in their order.
    """
    losses: dict[str, Tensor] = {}
    for name, output in LOSSES.items():
        if output not in predictions:
            continue
        if name == "classification":
            assert targets is not None
            losses[name] = multi_label_soft_margin(
                predictions[output], targets, None if weights is None else weights[1:]
            )
        elif name.endswith("segmentation"):
            losses[name] = segmentation_cross_entropy(predictions[output], labels, ignore_index, grid, whole, weights)
        else:
            assert saliency is not None
            losses[name] = saliency_cross_entropy(predictions[output], saliency, ignore_index, grid, whole)
    return losses
