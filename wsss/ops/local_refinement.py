"""Refinement of maps by the colours of close pixels: weighted means of dilated neighbours, repeated.

No lattice, no matrix: every step adds up 48 shifted copies, on the CPU or the GPU, for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from wsss.config import Pamr, Par

SMALLEST_DEVIATION = 1e-8


def pamr(maps: Tensor, images: Tensor, settings: Pamr, boxes: Tensor | None = None) -> Tensor:
    """Refine maps by pixel-adaptive mask refinement (1-stage-wseg, Araslanov and Roth, CVPR 2020).

    A neighbour's weight is the softmax, over all neighbours, of the mean over colours of -|difference| / (softness x
    deviation), with the standard deviation of the colour among centre and neighbours of every dilation.

    Args:
        maps: (N, M, H, W).
        images: (N, 3, H, W) float, in any unit.
        settings: Dilations, iterations, softness.
        boxes: (N, 4), the photograph in each crop: first row, row after the last, first column, column after the last.
            Pixels outside of it are not looked at: its border's values repeat there. None takes the whole crop.

    Returns:
        (N, M, H, W) float32; each value is a weighted mean of neighbours' values.
    """
    differences = _differences(_extended(images, boxes), settings.dilations)
    # the centre, whose difference is 0, counts once for every dilation
    own = differences.new_zeros(*images.shape[:2], len(settings.dilations), *images.shape[2:])
    deviation = torch.cat([differences, own], 2).std(2, keepdim=True)
    distances = differences.abs() / (settings.softness * deviation + SMALLEST_DEVIATION)
    return _spread(maps, (-distances.mean(1)).softmax(1), settings.dilations, settings.iterations, boxes)


def par(maps: Tensor, images: Tensor, settings: Par, boxes: Tensor | None = None) -> Tensor:
    """Refine maps by pixel-adaptive refinement with positions (AFA, Ru et al., CVPR 2022).

    A neighbour's weight is the softmax of the mean over colours of -(difference / (softness x deviation))^2, plus
    `position_weight` times the same of its distance; the deviation is taken among the neighbours.

    Args:
        maps: (N, M, H, W).
        images: (N, 3, H, W) float, in any unit.
        settings: Dilations, iterations, softness, weight of the position.
        boxes: (N, 4), the photograph in each crop: first row, row after the last, first column, column after the last.
            Pixels outside of it are not looked at: its border's values repeat there. None takes the whole crop.

    Returns:
        (N, M, H, W) float32; weights add up to 1 + `position_weight` at every iteration, which changes no argmax.
    """
    differences = _differences(_extended(images, boxes), settings.dilations)
    deviation = differences.std(2, keepdim=True)
    closeness = -((differences / (settings.softness * deviation + SMALLEST_DEVIATION)) ** 2).mean(1)
    steps = [(down**2 + right**2) ** 0.5 for down, right in _neighbours(settings.dilations)]
    distance = torch.tensor(steps, device=images.device)
    nearness = -((distance / (settings.softness * distance.std() + SMALLEST_DEVIATION)) ** 2)
    weights = closeness.softmax(1) + settings.position_weight * nearness.softmax(0)[:, None, None]
    return _spread(maps, weights, settings.dilations, settings.iterations, boxes)


def _neighbours(dilations: Sequence[int]) -> Iterator[tuple[int, int]]:
    for dilation in dilations:
        for down in (-dilation, 0, dilation):
            for right in (-dilation, 0, dilation):
                if down or right:
                    yield down, right


def _shifted(maps: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """Yield maps (N, M, H, W) as seen from each neighbour; beyond the border the border's value repeats."""
    reach, (height, width) = max(dilations), maps.shape[-2:]
    padded = functional.pad(maps, (reach,) * 4, mode="replicate")
    for down, right in _neighbours(dilations):
        yield padded[:, :, reach + down : reach + down + height, reach + right : reach + right + width]


def _differences(images: Tensor, dilations: Sequence[int]) -> Tensor:
    """Subtract the pixel's own colour from each neighbour's: (N, 3, neighbours, H, W) float32."""
    colours = images.float()
    return torch.stack([shifted - colours for shifted in _shifted(colours, dilations)], 2)


def _extended(maps: Tensor, boxes: Tensor | None) -> Tensor:
    """Fill maps (N, M, H, W) outside of each image's box with the value of the closest pixel inside."""
    if boxes is None:
        return maps
    places = []
    for length, first, end in ((maps.shape[2], 0, 1), (maps.shape[3], 2, 3)):
        line = torch.arange(length, device=maps.device)[None]
        places.append(line.clamp(boxes[:, first : first + 1], boxes[:, end : end + 1] - 1))
    rows, columns = places[0][:, None, :, None], places[1][:, None, None, :]
    return maps.gather(2, rows.expand_as(maps)).gather(3, columns.expand_as(maps))


def _spread(maps: Tensor, weights: Tensor, dilations: Sequence[int], iterations: int, boxes: Tensor | None) -> Tensor:
    result = maps.float()
    for _ in range(iterations):
        result = _extended(result, boxes)
        total = torch.zeros_like(result)
        for neighbour, shifted in enumerate(_shifted(result, dilations)):
            total.addcmul_(weights[:, neighbour, None], shifted)
        result = total
    return result
