from __future__ import annotations

import numpy as np
import pytest

from wsss.ops.palette import PALETTES, color_blind_palette, voc_palette


def test_voc_palette_is_that_of_the_development_kit():
    palette = voc_palette()
    assert palette[[0, 1, 2, 15, 20, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [0, 64, 128],
        [224, 224, 192],
    ]


@pytest.mark.parametrize("name", PALETTES)
def test_all_values_have_colours_of_their_own(name):
    palette = PALETTES[name]()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert len({tuple(color) for color in palette[:33].tolist()}) == 33


def seen_by(colors: np.ndarray, matrix: list[list[float]]) -> np.ndarray:
    """sRGB colours as a dichromat sees them (Machado et al. 2009), in CIELAB."""
    from skimage.color import rgb2lab

    scaled = colors / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4) @ np.array(matrix).T
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded[None])[0]


@pytest.mark.parametrize(
    ("matrix", "apart"),
    [
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 23),
        ([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]], 13),
        ([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]], 13),
    ],
)
def test_twenty_classes_can_be_told_apart(matrix, apart):
    seen = seen_by(color_blind_palette()[:21].astype(float), matrix)
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2) + np.eye(21) * 1000
    assert distances.min() > apart
