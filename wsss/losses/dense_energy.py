"""The dense energy loss of RRM, an option of AA&LR's training: close pixels of like colour are to agree."""

from __future__ import annotations

import torch
from torch import Tensor

from wsss.label_values import IGNORE_INDEX
from wsss.ops.permutohedral import build_lattice
from wsss.ops.pixel_features import divided, pixel_positions


def dense_energy_loss(
    probabilities: Tensor,
    images: Tensor,
    labels: Tensor,
    inside: Tensor,
    *,
    sigma_rgb: float = 15.0,
    sigma_xy: float = 50.0,
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Compute -(1/N) sum of S (G A S) over pixels and classes (RRM, Zhang et al., AAAI 2020, released code).

    S are the probabilities inside of the photograph, A the sum over all pixels weighted by a Gaussian of position and
    colour, and G a gate: 1 where a pixel has no label, else 1 less the largest probability. The gate is taken as a
    constant, so that the gradient is -2 G A S / N.

    Args:
        probabilities: (N, K, h, w), a softmax.
        images: (N, 3, h, w) uint8.
        labels: (N, h, w), classes or `ignore_index`.
        inside: (N, h, w) bool, False on padding.
        sigma_rgb: Width of the Gaussian in colours.
        sigma_xy: Width of the Gaussian in pixels of the given maps.
        ignore_index: Marks pixels without a label.

    Returns:
        A scalar, float32.

    Raises:
        ValueError: If the shapes do not fit.
    """
    size = (probabilities.shape[0], *probabilities.shape[2:])
    if {tuple(images[:, 0].shape), tuple(labels.shape), tuple(inside.shape)} != {size}:
        raise ValueError(
            "expected probabilities (N, K, h, w), images (N, 3, h, w), labels and inside (N, h, w), got "
            f"{', '.join(str(tuple(tensor.shape)) for tensor in (probabilities, images, labels, inside))}"
        )
    segmentation = probabilities.float() * inside[:, None]
    with torch.no_grad():
        left = (inside.float() - segmentation.amax(1)).clamp(min=0)
        gate = torch.where(labels == ignore_index, torch.ones_like(left), left)
        gathered = _filtered(segmentation, images, sigma_rgb, sigma_xy)
        gated = gate[:, None] * gathered / size[0]
    energy = -(segmentation * gated).sum()
    # twice the gradient, for S stands on both sides of A
    return 2 * energy - energy.detach()


def _filtered(maps: Tensor, images: Tensor, sigma_rgb: float, sigma_xy: float) -> Tensor:
    """Sum for every pixel, weighted by the Gaussian, over all pixels of its image: (N, K, h, w)."""
    count, labels, height, width = maps.shape
    positions = pixel_positions([(height, width)] * count, sigma_xy, maps.device)
    colours = divided(images.transpose(0, 1).flatten(1), sigma_rgb)
    lattice = build_lattice(torch.cat([positions, colours]), [height * width] * count)
    filtered = lattice.filter(maps.permute(0, 2, 3, 1).reshape(-1, labels))
    return filtered.view(count, height, width, labels).permute(0, 3, 1, 2)
