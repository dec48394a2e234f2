"""Cross entropy of segmentation in two means, as RRM and AA&LR take it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid
from wsss.label_values import IGNORE_INDEX
from wsss.losses.segmentation import counted
from wsss.losses.whole_batch import ALONE, WholeBatch
from wsss.ops.upsampling import onto_labels


def balanced_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = IGNORE_INDEX,
    grid: FeatureGrid = PIXELS,
    whole: WholeBatch = ALONE,
    weights: Tensor | None = None,
) -> Tensor:
    """Add the mean cross entropies of background and of object pixels (RRM, Zhang et al., AAAI 2020).

    A group without pixels adds 0: the mean over no pixel, which the released codes take, is not a number.

    Args:
        logits: (N, K, h, w), background first; put on the labels' pixels in float32 where they are of another size.
        labels: (N, H, W), integers in 0..K-1 or `ignore_index`.
        ignore_index: Marks pixels that count for nothing.
        grid: Where logits of another size lie.
        whole: The batch that both means are over, where these are a part of it.
        weights: (K,) float32, factors on the pixels of each class, in sums and counts; None is 1 for all.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if logits.ndim != 4 or labels.ndim != 3 or logits.shape[0] != labels.shape[0]:
        raise ValueError(
            f"expected logits (N, K, h, w) and labels (N, H, W), got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    logits = onto_labels(logits, labels, grid)
    labels = labels.long()
    costs = functional.cross_entropy(logits, labels, weights, ignore_index=ignore_index, reduction="none")
    groups = torch.stack([labels == 0, (labels > 0) & (labels != ignore_index)])
    counts = (counted(labels, ignore_index, weights) * groups).sum((1, 2, 3))
    sums = (costs * groups).sum((1, 2, 3))
    return (sums / whole.divisor(counts)).sum()
