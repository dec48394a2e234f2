from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.models.impulse import WIDTH, average_evenly, centre_of_response
from wsss import config
from wsss.grid import FeatureGrid
from wsss.models import Backbone
from wsss.models.feature_grid import find_feature_grid

PLACES = [
    ("tf_efficientnet_lite0", 8, 7.0),
    ("tf_efficientnet_lite0", 16, 15.0),
    ("tf_efficientnet_lite0", 32, 31.0),
    ("resnet38d", 8, 0.0),
    ("resnet38d", 16, 0.0),
    ("resnet50", 16, 0.0),
    ("resnet18", 32, 0.0),
    ("resnet26d", 8, 5.0),
    ("resnet26d", 16, 7.0),
    ("resnet26d", 32, 7.0),
    ("efficientnet_b0", 16, 0.0),
    ("convnext_atto", 8, 7.5),
    ("convnext_atto", 16, 15.5),
    ("convnext_atto", 32, 15.5),
]
"""Name, stride, and the pixel of the first feature: half a step before or behind the centre of its cell, by padding."""


@pytest.mark.parametrize(("name", "stride", "first"), PLACES)
def test_features_respond_where_the_layers_put_them(name: str, stride: int, first: float) -> None:
    settings = config.BackboneSettings.parse(
        {"name": name, "weights": "none", "output_stride": stride, "frozen_stages": 0}
    )
    backbone = Backbone(settings).eval()
    assert backbone.grid == FeatureGrid(stride, first)
    average_evenly(backbone)
    column = WIDTH // stride // 2
    # with all layers means, shortcuts weigh as much as what they bypass: trained ones weigh as they like
    assert centre_of_response(backbone, column) == pytest.approx(first + stride * column, abs=0.5)


def test_layers_add_up() -> None:
    parts = [
        nn.Conv2d(3, 4, 3, stride=2, padding=1),  # 0
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.AvgPool2d(2)),  # between two: 0.5 x 2
        nn.Conv2d(4, 4, 4, stride=4),  # 1.5 x 4
    ]
    assert find_feature_grid(parts) == FeatureGrid(16, 7.0)
    assert find_feature_grid([nn.Conv2d(3, 1, 3, padding=1)]) == FeatureGrid(1, 0.0)


def test_the_mode_of_the_parts_and_their_statistics_stay() -> None:
    part = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4).eval()).train()
    part[1].eval()
    before = {name: value.clone() for name, value in part.state_dict().items()}
    find_feature_grid([part])
    assert part[0].training
    assert not part[1].training
    assert all(torch.equal(value, before[name]) for name, value in part.state_dict().items())
    assert not part[0]._forward_hooks


class Halved(nn.Module):
    """Takes every second pixel by itself, not by a layer."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features[..., ::2, ::2]


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer of known form leads from maps of 128 px"):
        find_feature_grid([Halved()])
    with pytest.raises(ValueError, match="features must lie alike in rows and columns"):
        find_feature_grid([nn.Conv2d(3, 1, (3, 5), stride=2, padding=(1, 2))])
