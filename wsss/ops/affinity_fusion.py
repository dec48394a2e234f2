"""The affinities of two tasks fused into one by weights that look at both (AuxSegNet, equations 4 and 5)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from wsss.ops.affinity import Affinity, BlockedAffinity, DenseAffinity, pairwise_rows


class FusionWeights(NamedTuple):
    """Parameters of the two convolutions that make the weights.

    Attributes:
        kernel: (2, 2, k, k), k odd; no bias.
        mix: (2, 2, 1, 1).
        bias: (2,).
    """

    kernel: Tensor
    mix: Tensor
    bias: Tensor


def fuse(stacked: Tensor, weights: FusionWeights, *, padding: tuple[int, int] | None = None) -> Tensor:
    """Add two images, weighted pixel by pixel by a small network that sees both; the weights sum to 1.

    Args:
        stacked: (N, 2, h, w): segmentation, saliency.
        weights: Of convolution, ReLU, 1 x 1 convolution, softmax over the two.
        padding: Of the first convolution; None keeps the size. With less, the rows and columns that it removes are
            removed from the images too.

    Returns:
        (N, h', w').
    """
    margin = weights.kernel.shape[-1] // 2
    padding = (margin, margin) if padding is None else padding
    # in a network of channels-last layout, these two-channel images would be copied into that layout
    hidden = functional.conv2d(stacked, weights.kernel.contiguous(), padding=padding).relu_()
    shares = functional.conv2d(hidden, weights.mix.contiguous(), weights.bias).softmax(dim=1)
    rows, columns = margin - padding[0], margin - padding[1]
    inner = stacked[:, :, rows : stacked.shape[2] - rows, columns : stacked.shape[3] - columns]
    return shares[:, 0] * inner[:, 0] + shares[:, 1] * inner[:, 1]


def cross_task_affinity(
    segmentation: Affinity, saliency: Affinity, weights: FusionWeights, *, normalize_rows: bool = False
) -> Affinity:
    """Fuse the affinities of two tasks; the result is dense or blocked as they are.

    The convolution runs over the matrix as over an image, so its neighbours are horizontal neighbours of query and
    key, and the last pixel of a line is next to the first of the following one, as in the released code.

    Args:
        segmentation: As `pairwise_affinity` returns it.
        saliency: Likewise, of the same size.
        weights: Of the fusion.
        normalize_rows: Whether rows are divided by their sums, which fusing leaves near 1.

    Raises:
        ValueError: If one is dense and the other is not, or the sizes differ.
    """
    if type(segmentation) is not type(saliency) or segmentation.size != saliency.size:
        raise ValueError(
            f"expected two affinities of one form and size, got {type(segmentation).__name__} {segmentation.size} and "
            f"{type(saliency).__name__} {saliency.size}"
        )
    size = segmentation.size
    if isinstance(segmentation, BlockedAffinity) and isinstance(saliency, BlockedAffinity):
        tensors = (*segmentation.tensors, *saliency.tensors, *weights)
        return BlockedAffinity(_normalized_rows if normalize_rows else _fused_rows, tensors, size)
    fused = fuse(torch.stack([segmentation.dense(), saliency.dense()], dim=1), weights)
    return DenseAffinity(_normalized(fused) if normalize_rows else fused, size)


def cross_task_unary(segmentation: Tensor, saliency: Tensor, weights: FusionWeights) -> Tensor:
    """Fuse two distributions over the positions likewise: (N, 1, h, w) of two (N, 1, h, w). Inferred."""
    return fuse(torch.cat([segmentation, saliency], dim=1), weights)[:, None]


def _fused_rows(start: int, stop: int, *tensors: Tensor) -> Tensor:
    """Compute rows start..stop-1 of the fused matrix; the convolution also sees the rows around that it needs."""
    segmentation, saliency, weights = tensors[:3], tensors[3:6], FusionWeights(*tensors[6:])
    positions, margin = tensors[0].shape[1], weights.kernel.shape[-1] // 2
    first, last = max(0, start - margin), min(positions, stop + margin)
    stacked = torch.stack(
        [pairwise_rows(first, last, *segmentation), pairwise_rows(first, last, *saliency)],
        dim=1,
    )
    missing = (first - (start - margin), stop + margin - last)
    if any(missing):
        stacked = functional.pad(stacked, (0, 0, *missing))
    return fuse(stacked, weights, padding=(0, margin))


def _normalized_rows(start: int, stop: int, *tensors: Tensor) -> Tensor:
    return _normalized(_fused_rows(start, stop, *tensors))


def _normalized(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(dim=-1, keepdim=True)


__all__ = ["FusionWeights", "cross_task_affinity", "cross_task_unary", "fuse"]
