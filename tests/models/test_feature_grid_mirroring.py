"""A mirrored photograph gives the mirrored maps, wherever a family's padding puts its features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss import config
from wsss.grid import PIXELS, FeatureGrid
from wsss.models import Classifier
from wsss.ops.cams import multi_scale_cams
from wsss.ops.probabilities import multi_scale_probabilities

NETWORKS = [
    ("tf_efficientnet_lite0", 8, 7.0),
    ("tf_efficientnet_lite0", 16, 15.0),
    ("resnet18", 16, 15.0),
    ("convnext_atto", 16, 16.0),
    ("convnext_atto", 32, 0.0),
]
"""Name, stride, and how far a mirrored pair lies apart where features are taken to lie in the centres of their cells:
twice their distance from there."""
SIZE = (64, 768)
"""Wide: the zeros beyond the borders, more of them on one side, can be felt over 250 px."""


def symmetric(name: str, stride: int) -> Classifier:
    """Random weights, each kernel the mean of itself and its mirror image: no asymmetry but that of the padding."""
    torch.manual_seed(0)
    network = Classifier(config.BackboneSettings.parse({"name": name, "weights": "none", "output_stride": stride}), 8)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = (module.weight.data + module.weight.data.flip(-1)) / 2
    return network.eval()


def photograph() -> Tensor:
    """Smooth noise, as wide as several features."""
    noise = torch.rand(1, 3, SIZE[0] // 32 + 1, SIZE[1] // 32 + 1, generator=torch.Generator().manual_seed(1))
    return functional.interpolate(noise, SIZE, mode="bicubic", align_corners=False).clamp(0, 1)


def maps(network: Classifier, images: Tensor, grid: FeatureGrid) -> Tensor:
    def compute(pixels: Tensor) -> Tensor:
        # before the ReLU: smooth
        return network.classifier(network.backbone.classification_head(network.backbone(pixels)))

    return multi_scale_cams(compute, images, (1.0,), False, SIZE, grid)


def displacement(first: Tensor, second: Tensor, reach: int = 24) -> float:
    """Columns by which the second maps lie to the right of the first: where they differ least, to parts of a pixel."""
    middle = slice(256, SIZE[1] - 256)
    shifts = range(-reach, reach + 1)
    costs = [float((second.roll(-shift, -1) - first)[..., middle].square().mean()) for shift in shifts]
    best = min(range(1, len(costs) - 1), key=costs.__getitem__)
    before, least, after = costs[best - 1 : best + 2]
    return shifts[best] + (before - after) / (2 * (before - 2 * least + after))


@pytest.mark.parametrize(("name", "stride", "apart"), NETWORKS)
def test_mirrored_photographs_have_mirrored_maps(name: str, stride: int, apart: float) -> None:
    network, images = symmetric(name, stride), photograph()
    with torch.no_grad():
        placed, centred = (
            [maps(network, images, grid), maps(network, images.flip(-1), grid).flip(-1)]
            for grid in (network.grid, PIXELS)
        )
        both, mirrored = (
            multi_scale_probabilities(lambda pixels: network(pixels, cams=True).cams, given, (1.0,), True, network.grid)
            for given in (images, images.flip(-1))
        )
    # features of the two lie up to a pixel apart, and detail that they are too few for moves with them
    assert abs(displacement(*placed)) <= 1
    # what features in the centres of their cells would give
    assert abs(displacement(*centred)) == pytest.approx(apart, abs=1.5)
    if apart == 0:
        assert torch.allclose(placed[0], placed[1], atol=1e-4 * float(placed[0].abs().max()))
    assert torch.allclose(both, mirrored.flip(-1), atol=1e-4)
