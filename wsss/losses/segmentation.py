"""Cross entropy of segmentation."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid
from wsss.label_values import IGNORE_INDEX
from wsss.losses.whole_batch import ALONE, WholeBatch
from wsss.ops.upsampling import onto_labels


def segmentation_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = IGNORE_INDEX,
    grid: FeatureGrid = PIXELS,
    whole: WholeBatch = ALONE,
    weights: Tensor | None = None,
) -> Tensor:
    """Average the cross entropy over labelled pixels; zero, with zero gradients, where there is none.

    Args:
        logits: (N, K, h, w); put on the labels' pixels in float32 where they are of another size.
        labels: (N, H, W), integers in 0..K-1 or `ignore_index`.
        ignore_index: Marks pixels that count for nothing.
        grid: Where logits of another size lie.
        whole: The batch that the mean is over, where these are a part of it.
        weights: (K,) float32, factors on the pixels of each class, in sum and count; None is 1 for all.

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
    total = functional.cross_entropy(logits, labels, weights, ignore_index=ignore_index, reduction="sum")
    # a mean over no pixel is not a number, and one such batch would end the training
    return total / whole.divisor(counted(labels, ignore_index, weights).sum())


def counted(labels: Tensor, ignore_index: int, weights: Tensor | None) -> Tensor:
    """Return what each pixel counts for in a mean.

    Args:
        labels: (N, H, W), integers in 0..K-1 or `ignore_index`.
        ignore_index: Marks pixels that count for nothing.
        weights: (K,) float32; None is 1 for all.

    Returns:
        (N, H, W) bool, or float32 with weights.
    """
    labelled = labels != ignore_index
    return labelled if weights is None else weights[labels.where(labelled, 0)] * labelled
