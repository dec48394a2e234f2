"""Refinement of maps by the colours of close pixels: weighted means of dilated neighbours, some times over.

No lattice, no matrix: every step adds up 48 shifted copies, on the CPU or the GPU, for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from wsss.config import Pamr, Par

SMALLEST_DEVIATION = 1e-8


def pamr(maps: Tensor, images: Tensor, settings: Pamr) -> Tensor:
    """Pixel-adaptive mask refinement (1-stage-wseg, Araslanov and Roth, CVPR 2020).

    A neighbour's weight is the softmax, over all neighbours, of the mean over colours of -|difference| / (softness x
    deviation), with the standard deviation of the colour among centre and neighbours of every dilation.

    Args:
        maps: (N, M, H, W).
        images: (N, 3, H, W) float, in any unit.
        settings: Dilations, iterations, softness.

    Returns:
        (N, M, H, W) float32; each value is a weighted mean of neighbours' values.
    """
    differences = _differences(images, settings.dilations)
    # the centre, whose difference is 0, counts once for every dilation
    own = differences.new_zeros(*images.shape[:2], len(settings.dilations), *images.shape[2:])
    deviation = torch.cat([differences, own], 2).std(2, keepdim=True)
    distances = differences.abs() / (settings.softness * deviation + SMALLEST_DEVIATION)
    return _spread(maps, (-distances.mean(1)).softmax(1), settings.dilations, settings.iterations)


def par(maps: Tensor, images: Tensor, settings: Par) -> Tensor:
    """Pixel-adaptive refinement with positions (AFA, Ru et al., CVPR 2022).

    A neighbour's weight is the softmax of the mean over colours of -(difference / (softness x deviation))^2, plus
    `position_weight` times the same of its distance; the deviation is that among the neighbours.

    Args:
        maps: (N, M, H, W).
        images: (N, 3, H, W) float, in any unit.
        settings: Dilations, iterations, softness, weight of the position.

    Returns:
        (N, M, H, W) float32; weights add up to 1 + `position_weight` at every iteration, which changes no argmax.
    """
    differences = _differences(images, settings.dilations)
    deviation = differences.std(2, keepdim=True)
    closeness = -((differences / (settings.softness * deviation + SMALLEST_DEVIATION)) ** 2).mean(1)
    steps = [(down**2 + right**2) ** 0.5 for down, right in _neighbours(settings.dilations)]
    distance = torch.tensor(steps, device=images.device)
    nearness = -((distance / (settings.softness * distance.std() + SMALLEST_DEVIATION)) ** 2)
    weights = closeness.softmax(1) + settings.position_weight * nearness.softmax(0)[:, None, None]
    return _spread(maps, weights, settings.dilations, settings.iterations)


def _neighbours(dilations: Sequence[int]) -> Iterator[tuple[int, int]]:
    for dilation in dilations:
        for down in (-dilation, 0, dilation):
            for right in (-dilation, 0, dilation):
                if down or right:
                    yield down, right


def _shifted(maps: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """(N, M, H, W) as seen from each neighbour; beyond the border the border's value repeats."""
    reach, (height, width) = max(dilations), maps.shape[-2:]
    padded = functional.pad(maps, (reach,) * 4, mode="replicate")
    for down, right in _neighbours(dilations):
        yield padded[:, :, reach + down : reach + down + height, reach + right : reach + right + width]


def _differences(images: Tensor, dilations: Sequence[int]) -> Tensor:
    """(N, 3, neighbours, H, W) float32, each neighbour's colour less the pixel's own."""
    colours = images.float()
    return torch.stack([shifted - colours for shifted in _shifted(colours, dilations)], 2)


def _spread(maps: Tensor, weights: Tensor, dilations: Sequence[int], iterations: int) -> Tensor:
    result = maps.float()
    for _ in range(iterations):
        total = torch.zeros_like(result)
        for neighbour, shifted in enumerate(_shifted(result, dilations)):
            total.addcmul_(weights[:, neighbour, None], shifted)
        result = total
    return result
