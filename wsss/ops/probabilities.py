"""Class probabilities of a segmentation network over several scales, and their labels at full size (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid
from wsss.ops.cams import scaled_images
from wsss.ops.upsampling import upsample

ROWS = 256
"""Rows of the full-size result that are in memory at a time."""


def multi_scale_probabilities(
    compute: Callable[[Tensor], Tensor],
    images: Tensor,
    scales: Sequence[float],
    flip: bool,
    grid: FeatureGrid = PIXELS,
    combine: str = "mean",
) -> Tensor:
    """Combine over scales (and mirror images) the softmax of logits put on the pixels of the images.

    Args:
        compute: From images (N, 3, H, W) to logits (N, K, h, w).
        images: (N, 3, H, W) in [0, 1].
        scales: Factors on H and W.
        flip: Whether mirrored images are added, in the same forward pass.
        grid: Where the logits lie on the image of their scale.
        combine: `mean`, or `max`: the largest of each class, as in the authors' code of MCTformer.

    Returns:
        (N, K, H, W) float32, summing to 1 over K.
    """
    size = images.shape[-2:]
    join: Callable[[Tensor, Tensor], Tensor] = torch.maximum if combine == "max" else torch.add
    total: Tensor | None = None
    for scaled in scaled_images(images, scales):
        logits = compute(torch.cat([scaled, scaled.flip(-1)]) if flip else scaled)
        probabilities = upsample(logits, (size[0], size[1]), grid).softmax(1)
        if flip:
            straight, mirrored = probabilities.chunk(2)
            probabilities = join(straight, mirrored.flip(-1))
        total = probabilities if total is None else join(total, probabilities)
    assert total is not None, "scales is never empty"
    if combine == "max":
        return total / total.sum(1, keepdim=True)
    return total / (len(scales) * (2 if flip else 1))


def labels_at_size(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """Find the strongest class at another size: argmax of bilinearly resized scores, a band of rows at a time.

    The full-size scores never exist, so that an image of 8000 x 8000 px with 21 classes needs no 5 GB.

    Args:
        scores: (K, h, w).
        size: Height and width of the result.

    Returns:
        (*size) uint8.
    """
    if tuple(scores.shape[-2:]) == size:
        return scores.argmax(0).to(torch.uint8)
    height = scores.shape[1]
    # the rows of bilinear interpolation with align_corners=False, as functional.interpolate places them
    centers = ((torch.arange(size[0], device=scores.device) + 0.5) * height / size[0] - 0.5).clamp(0, height - 1)
    above = centers.floor().long()
    below = (above + 1).clamp(max=height - 1)
    weight = (centers - above).to(scores.dtype)
    bands = []
    for start in range(0, size[0], ROWS):
        rows = slice(start, start + ROWS)
        band = torch.lerp(scores[:, above[rows]], scores[:, below[rows]], weight[rows, None])
        band = functional.interpolate(band[None], (band.shape[1], size[1]), mode="bilinear", align_corners=False)[0]
        bands.append(band.argmax(0).to(torch.uint8))
    return torch.cat(bands)
