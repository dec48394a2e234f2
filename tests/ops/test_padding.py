from __future__ import annotations

import pytest
import torch

from wsss.grid import FeatureGrid
from wsss.ops.padding import features_inside, spatial_mean


def photographs(*parts: tuple[slice, slice]) -> torch.Tensor:
    inside = torch.zeros(len(parts), 64, 96, dtype=torch.bool)
    for image, part in zip(inside, parts, strict=True):
        image[part] = True
    return inside


@pytest.mark.parametrize(
    ("first", "rows", "columns"),
    [
        (15.0, [True, True, False, False], [False, True, True, True, True, True]),
        (0.0, [True] * 3 + [False], [False] * 2 + [True] * 4),
    ],
)
def test_a_feature_is_inside_with_the_pixel_that_it_lies_on(
    first: float, rows: list[bool], columns: list[bool]
) -> None:
    # features on pixels 15, 31, 47, 63, ... or on 0, 16, 32, 48, ...
    inside = photographs((slice(0, 40), slice(20, 96)))
    found = features_inside(inside, (4, 6), FeatureGrid(16, first))
    assert torch.equal(found, torch.tensor(rows)[:, None] & torch.tensor(columns)[None][None, None])


def test_a_photograph_that_lies_under_no_feature_is_taken_with_its_padding() -> None:
    inside = photographs((slice(20, 25), slice(20, 25)), (slice(0, 32), slice(0, 96)))
    found = features_inside(inside, (4, 6), FeatureGrid(16, 0.0))
    assert found[0].all()
    assert found[1].sum() == 2 * 6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_means_are_those_of_the_positions_inside(dtype: torch.dtype) -> None:
    features = torch.rand(2, 3, 4, 6).to(dtype)
    inside = torch.rand(2, 1, 4, 6) > 0.5
    found = spatial_mean(features, inside)
    assert found.dtype == dtype
    assert found.shape == (2, 3, 1, 1)
    for image in range(2):
        expected = features[image][:, inside[image, 0]].float().mean(1)
        assert torch.allclose(found[image, :, 0, 0].float(), expected, atol=1e-6 if dtype == torch.float32 else 5e-3)
    assert torch.allclose(spatial_mean(features).float(), features.float().mean((2, 3), keepdim=True), atol=5e-3)


def test_a_sum_beyond_half_precision_has_a_mean() -> None:
    features = torch.full((1, 1, 64, 64), 100.0, dtype=torch.float16)
    assert spatial_mean(features, torch.ones(1, 1, 64, 64, dtype=torch.bool)).item() == 100


def test_padding_learns_nothing() -> None:
    features = torch.rand(1, 2, 4, 6, requires_grad=True)
    inside = torch.zeros(1, 1, 4, 6, dtype=torch.bool)
    inside[..., :3] = True
    spatial_mean(features, inside).sum().backward()
    assert features.grad is not None
    assert torch.allclose(features.grad, (inside / 12.0).expand_as(features))
