"""Class activation maps over several scales (torch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from wsss.ops.affinity import Affinity


def multi_scale_cams(
    compute: Callable[[Tensor], Tensor],
    images: Tensor,
    scales: Sequence[float],
    flip: bool,
    size: tuple[int, int],
) -> Tensor:
    """Sum the CAMs of scaled (and mirrored) images at one size (PSA, Ahn and Kwak 2018, released code).

    Args:
        compute: From images (N, 3, H, W) to CAMs (N, C, h, w), not negative.
        images: (N, 3, H, W) in [0, 1].
        scales: Factors on H and W.
        flip: Whether mirrored images are added, in the same forward pass.
        size: Height and width of the result.

    Returns:
        (N, C, *size), not negative, not normalised.
    """
    total: Tensor | None = None
    for scaled in scaled_images(images, scales):
        batch = torch.cat([scaled, scaled.flip(-1)]) if flip else scaled
        cams = compute(batch)
        if flip:
            straight, mirrored = cams.chunk(2)
            cams = straight + mirrored.flip(-1)
        cams = functional.interpolate(cams.float(), size, mode="bilinear", align_corners=False)
        total = cams if total is None else total + cams
    assert total is not None, "scales is never empty"
    return total


def scaled_images(images: Tensor, scales: Sequence[float]) -> list[Tensor]:
    """Resize the images (N, 3, H, W) to every scale; sides are rounded and at least 1 px."""
    height, width = images.shape[-2:]
    results = []
    for scale in scales:
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
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
