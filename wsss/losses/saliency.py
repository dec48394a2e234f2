"""Cross entropy of saliency."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid
from wsss.label_values import IGNORE_INDEX
from wsss.losses.whole_batch import ALONE, WholeBatch
from wsss.ops.upsampling import onto_labels


def saliency_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = IGNORE_INDEX,
    grid: FeatureGrid = PIXELS,
    whole: WholeBatch = ALONE,
) -> Tensor:
    """Average the binary cross entropy over labelled pixels; zero, with zero gradients, where there is none.

    Args:
        logits: (N, 1, h, w), before the sigmoid; put on the labels' pixels in float32 where they are of another size.
        labels: (N, H, W), integers: 1 salient, 0 not, or `ignore_index`.
        ignore_index: Marks pixels that count for nothing.
        grid: Where logits of another size lie.
        whole: The batch that the mean is over, where these are a part of it.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if logits.ndim != 4 or logits.shape[1] != 1 or labels.ndim != 3 or logits.shape[0] != labels.shape[0]:
        raise ValueError(
            f"expected logits (N, 1, h, w) and labels (N, H, W), got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    logits = onto_labels(logits, labels, grid)
    labelled = labels != ignore_index
    # an ignored pixel gets a weight of 0, and a target that is a number
    total = functional.binary_cross_entropy_with_logits(
        logits[:, 0], (labels == 1).float(), weight=labelled.float(), reduction="sum"
    )
    return total / whole.divisor(labelled.sum())
