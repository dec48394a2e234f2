"""Leave the padding of crops out of what gathers from a whole image (torch)."""

from __future__ import annotations

import torch
from torch import Tensor

from wsss.grid import FeatureGrid
from wsss.ops.upsampling import nearest


def features_inside(inside: Tensor, size: tuple[int, int], grid: FeatureGrid) -> Tensor:
    """Tell which features are centred on a photograph and not on the padding of its crop.

    Args:
        inside: (N, H, W) bool, False on padding.
        size: Height and width in features.
        grid: Where they lie.

    Returns:
        (N, 1, *size) bool; all of an image where none is, as in one smaller than a stride.
    """
    found = nearest(inside, size, onto=grid)[:, None]
    return found | ~found.flatten(1).any(1)[:, None, None, None]


def spatial_mean(features: Tensor, inside: Tensor | None = None) -> Tensor:
    """Average features (N, C, h, w) over the positions inside: (N, C, 1, 1).

    Args:
        features: Of any precision, which the result has too.
        inside: (N, 1, h, w) bool, somewhere True in each image; None takes all positions.
    """
    if inside is None:
        return features.mean((-2, -1), keepdim=True)
    weights = inside.to(features.dtype)
    # in float32: a sum of many features can leave the range of half precision
    total = (features * weights).sum((-2, -1), keepdim=True, dtype=torch.float32)
    return (total / inside.sum((-2, -1), keepdim=True)).to(features.dtype)
