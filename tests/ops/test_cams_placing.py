"""From a photograph of any size to its CAM and back: the class is found where it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn

from wsss.data.images import resize_image, resize_map
from wsss.grid import PIXELS, FeatureGrid, snapped_size
from wsss.models.feature_grid import find_feature_grid
from wsss.ops.cams import multi_scale_cams

SQUARE = 41


def brightness() -> nn.Sequential:
    """Four layers with TensorFlow's padding, as in EfficientNet-Lite0; their response is the brightness around."""
    taps = torch.tensor([1.0, 2.0, 1.0]) / 4
    layers = [Conv2dSame(3 if first else 1, 1, 3, stride=2, bias=False) for first in (True, False, False, False)]
    for layer in layers:
        layer.weight.data = (taps[:, None] * taps / layer.in_channels).expand_as(layer.weight).clone()
    return nn.Sequential(*layers)


def photograph(size: tuple[int, int], centre: tuple[int, int]) -> np.ndarray:
    """A bright square on a dark ground."""
    image = np.zeros((*size, 3), np.uint8)
    (top, left), half = centre, SQUARE // 2
    image[top - half : top + half + 1, left - half : left + half + 1] = 255
    return image


def centre_of_cam(image: np.ndarray, scales: tuple[float, ...], grid: FeatureGrid) -> tuple[float, float]:
    """Row and column, in pixels of the photograph, of the centre of mass of its CAM."""
    size = (image.shape[0], image.shape[1])
    height, width = snapped_size(size)
    seen = torch.from_numpy(resize_image(image, (height, width))).permute(2, 0, 1)[None].float() / 255
    network = brightness()

    def compute(pixels: Tensor) -> Tensor:
        return network(pixels)

    with torch.no_grad():
        stored = multi_scale_cams(compute, seen, scales, False, (height // 4, width // 4), grid)[0, 0].numpy()
    cam = resize_map(stored, size)
    total = cam.sum()
    return float((cam.sum(1) * np.arange(size[0])).sum() / total), float(
        (cam.sum(0) * np.arange(size[1])).sum() / total
    )


@pytest.mark.parametrize("scales", [(1.0,), (0.5,), (1.5,), (0.5, 1.0, 1.5, 2.0)])
@pytest.mark.parametrize(
    ("size", "centre"),
    [((251, 317), (120, 180)), ((333, 419), (131, 250)), ((299, 301), (150, 97)), ((288, 320), (101, 111))],
)
def test_the_cam_of_a_square_lies_on_the_square(
    size: tuple[int, int], centre: tuple[int, int], scales: tuple[float, ...]
) -> None:
    grid = find_feature_grid(list(brightness()))
    assert grid == FeatureGrid(16, 15.0)
    image = photograph(size, centre)
    assert centre_of_cam(image, scales, grid) == pytest.approx(centre, abs=1)
    # features taken to lie in the centres of their cells
    row, column = centre_of_cam(image, scales, PIXELS)
    assert min(centre[0] - row, centre[1] - column) > 3
