from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from wsss.config import Pamr, Par
from wsss.ops.local_refinement import pamr, par


def _naive_weights(image: np.ndarray, y: int, x: int, dilations: tuple[int, ...], *, positions: bool) -> np.ndarray:
    height, width = image.shape[1:]
    colours, distances = [], []
    for dilation in dilations:
        for down, right in itertools.product((-dilation, 0, dilation), repeat=2):
            if (down, right) != (0, 0):
                row, column = min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)
                colours.append(image[:, row, column])
                distances.append(math.hypot(down, right))
    values, own = np.array(colours), image[:, y, x]
    if positions:
        exponent = -(((values - own) / (0.3 * values.std(0, ddof=1) + 1e-8)) ** 2).mean(1)
        near = -((np.array(distances) / (0.3 * np.std(distances, ddof=1))) ** 2)
        return np.exp(exponent) / np.exp(exponent).sum() + 0.01 * np.exp(near) / np.exp(near).sum()
    everything = np.concatenate([values, np.tile(own, (len(dilations), 1))])
    exponent = -(np.abs(values - own) / (0.1 * everything.std(0, ddof=1) + 1e-8)).mean(1)
    return np.exp(exponent) / np.exp(exponent).sum()


@pytest.mark.parametrize("positions", [False, True])
def test_local_refinement_by_hand(positions: bool) -> None:
    dilations = (1, 2)
    image = torch.randint(0, 256, (1, 3, 6, 7), generator=torch.Generator().manual_seed(1)).float()
    maps = torch.rand(1, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    if positions:
        found = par(maps, image, Par(dilations=dilations, iterations=1))
    else:
        found = pamr(maps, image, Pamr(dilations=dilations, iterations=1))
    for y, x in itertools.product(range(6), range(7)):
        weights = _naive_weights(image[0].double().numpy(), y, x, dilations, positions=positions)
        neighbours = [
            maps[0, :, min(max(y + a, 0), 5), min(max(x + b, 0), 6)].numpy()
            for d in dilations
            for a, b in itertools.product((-d, 0, d), repeat=2)
            if (a, b) != (0, 0)
        ]
        expected = (weights[:, None] * np.array(neighbours)).sum(0)
        np.testing.assert_allclose(found[0, :, y, x].numpy(), expected, atol=1e-4)


def test_a_flat_image_spreads_evenly() -> None:
    maps, image = torch.zeros(1, 1, 5, 5), torch.full((1, 3, 5, 5), 77, dtype=torch.uint8)
    maps[0, 0, 2, 2] = 1
    found = pamr(maps, image, Pamr(dilations=(1,), iterations=1))
    assert torch.allclose(found[0, 0, 1:4, 1:4][torch.eye(3) == 1], torch.tensor([1 / 8, 0, 1 / 8]))
    assert found.sum().item() == pytest.approx(1)
