"""Class activation maps over several scales (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid, snapped_size
from wsss.ops.affinity import Affinity
from wsss.ops.upsampling import upsample


def multi_scale_cams(
    compute: Callable[[Tensor], Tensor],
    images: Tensor,
    scales: Sequence[float],
    flip: bool,
    size: tuple[int, int],
    grid: FeatureGrid = PIXELS,
    onto: FeatureGrid = PIXELS,
) -> Tensor:
    """Sum the CAMs of scaled (and mirrored) images at one size (PSA, Ahn and Kwak 2018, released code).

    Args:
        compute: From images (N, 3, H, W) to CAMs (N, C, h, w), not negative.
        images: (N, 3, H, W) in [0, 1].
        scales: Factors on H and W.
        flip: Whether mirrored images are added, in the same forward pass.
        size: Height and width of the result.
        grid: Where the CAMs lie on the image of their scale.
        onto: Where the result lies: on pixels, or on the features of the images.

    Returns:
        (N, C, *size) float32, not negative, not normalised.
    """
    total: Tensor | None = None
    for scaled in scaled_images(images, scales):
        batch = torch.cat([scaled, scaled.flip(-1)]) if flip else scaled
        cams = upsample(compute(batch), size, grid, onto)
        if flip:
            # features of a mirrored image lie elsewhere: mirror what has been put in its place
            straight, mirrored = cams.chunk(2)
            cams = straight + mirrored.flip(-1)
        total = cams if total is None else total + cams
    assert total is not None, "scales is never empty"
    return total


def scaled_images(images: Tensor, scales: Sequence[float]) -> list[Tensor]:
    """Resize the images (N, 3, H, W) to every scale, their sides snapped to the grid of sizes that networks see."""
    height, width = images.shape[-2:]
    results = []
    for scale in scales:
        size = snapped_size((height, width), scale)
        same = size == (height, width)
        resized = functional.interpolate(images, size, mode="bilinear", align_corners=False, antialias=scale < 1)
        results.append(images if same else resized)
    return results


def normalize_cams(cams: Tensor) -> Tensor:
    """Divide each map by its spatial maximum (+ 1e-5): (..., H, W) in [0, 1] (AuxSegNet, released code)."""
    return cams / (cams.amax((-2, -1), keepdim=True) + 1e-5)


def refine_cams(cams: Tensor, affinity: Affinity | None) -> Tensor:
    """Divide each CAM by its maximum and gather it over the image by an affinity (AuxSegNet, released code).

    Args:
        cams: (N, C, h, w), not negative.
        affinity: Of the same positions; None only normalises.

    Returns:
        (N, C, h, w), not negative; not normalised again.
    """
    normalized = normalize_cams(cams)
    return normalized if affinity is None else affinity.apply(normalized)
