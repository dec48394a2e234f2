"""Real photographs at hand offline: what scikit-image ships, cut into pieces of differing sizes."""

from __future__ import annotations

from functools import cache

import numpy as np
from skimage import data

SIZES = ((120, 160), (97, 131), (150, 90))


@cache
def photographs() -> list[np.ndarray]:
    """24 photographs (H, W, 3) uint8."""
    pieces = []
    for load in (data.astronaut, data.coffee, data.rocket, data.chelsea):
        whole = np.ascontiguousarray(load())
        for scale, corner in ((1, (40, 60)), (2, (0, 0))):
            for height, width in SIZES:
                part = whole[corner[0] :: scale, corner[1] :: scale][:height, :width]
                assert part.shape == (height, width, 3)
                pieces.append(np.ascontiguousarray(part))
    return pieces


def probabilities(labels: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """(labels, *size) float32: smooth regions that contradict each other and the photograph."""
    coarse = np.random.default_rng(seed).random((labels, size[0] // 24 + 2, size[1] // 24 + 2)) ** 3
    rows, columns = (np.linspace(0, extent - 1.001, n) for extent, n in zip(coarse.shape[1:], size, strict=True))
    top, left = rows.astype(int)[:, None], columns.astype(int)[None]
    down, right = (rows % 1)[:, None], (columns % 1)[None]
    upper = coarse[:, top, left] * (1 - right) + coarse[:, top, left + 1] * right
    lower = coarse[:, top + 1, left] * (1 - right) + coarse[:, top + 1, left + 1] * right
    powers = np.exp(8 * (upper * (1 - down) + lower * down))
    return (powers / powers.sum(0)).astype(np.float32)
