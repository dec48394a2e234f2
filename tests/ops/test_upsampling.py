from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid
from wsss.ops.upsampling import nearest, upsample

GRIDS = [FeatureGrid(16, 15.0), FeatureGrid(16, 0.0), FeatureGrid(8, 0.0), FeatureGrid(32, 15.5)]


def columns_of(grid: FeatureGrid, count: int) -> torch.Tensor:
    """The pixels on which features lie."""
    return grid.first + grid.stride * torch.arange(count)


@pytest.mark.parametrize("size", [(4, 6), (64, 96), (63, 97), (3, 2), (5, 1)])
def test_of_centred_features_it_is_bilinear_interpolation(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, 4, 6)
    expected = functional.interpolate(maps, size, mode="bilinear", align_corners=False)
    assert torch.allclose(upsample(maps, size), expected, atol=1e-6)
    assert torch.equal(upsample(maps, size, FeatureGrid(16, 7.5)), upsample(maps, size))


@pytest.mark.parametrize("grid", GRIDS)
def test_a_ramp_lies_where_the_features_lie(grid: FeatureGrid) -> None:
    rows, columns = columns_of(grid, 4), columns_of(grid, 6)
    maps = torch.stack([rows[:, None].expand(4, 6), columns[None].expand(4, 6)])[None]
    found = upsample(maps, (4 * grid.stride, 6 * grid.stride), grid)[0]
    # beyond the outermost features their values stand
    expected_rows = torch.arange(4.0 * grid.stride).clamp(rows[0], rows[-1])
    expected_columns = torch.arange(6.0 * grid.stride).clamp(columns[0], columns[-1])
    assert torch.allclose(found[0], expected_rows[:, None].expand_as(found[0]), atol=1e-4)
    assert torch.allclose(found[1], expected_columns.expand_as(found[1]), atol=1e-4)


@pytest.mark.parametrize("grid", GRIDS)
def test_coarser_pixels_cover_the_same_image(grid: FeatureGrid) -> None:
    columns = columns_of(grid, 6)
    found = upsample(columns.expand(1, 1, 4, 6), (grid.stride, 6 * grid.stride // 4), grid)[0, 0, 0]
    centres = 4 * torch.arange(6.0 * grid.stride // 4) + 1.5
    assert torch.allclose(found, centres.clamp(columns[0], columns[-1]), atol=1e-4)


@pytest.mark.parametrize("grid", GRIDS)
def test_features_of_another_scale_are_put_onto_those_of_this_one(grid: FeatureGrid) -> None:
    half = columns_of(grid, 3)
    # a pixel of the half image covers two, so its centre lies half a pixel further
    maps = (2 * half + 0.5).expand(1, 1, 2, 3)
    found = upsample(maps, (4, 6), grid, grid)[0, 0, 0]
    expected = columns_of(grid, 6).clamp(2 * half[0] + 0.5, 2 * half[-1] + 0.5)
    assert torch.allclose(found, expected, atol=1e-4)
    same = torch.rand(1, 2, 4, 6)
    assert torch.allclose(upsample(same, (4, 6), grid, grid), same, atol=1e-6)


def test_it_is_exact_and_float32_under_autocast() -> None:
    maps = torch.rand(1, 2, 4, 6) + 100
    expected = upsample(maps, (64, 96), GRIDS[0])
    with torch.autocast("cpu", torch.bfloat16):
        found = upsample(maps, (64, 96), GRIDS[0])
        assert upsample(maps.bfloat16(), (64, 96), GRIDS[0]).dtype == torch.float32
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_its_gradients_are_those_of_the_interpolation() -> None:
    maps = torch.rand(1, 2, 4, 6, requires_grad=True)
    twin = maps.detach().clone().requires_grad_()
    direction = torch.rand(1, 2, 40, 50)
    (upsample(maps, (40, 50)) * direction).sum().backward()
    (functional.interpolate(twin, (40, 50), mode="bilinear", align_corners=False) * direction).sum().backward()
    assert maps.grad is not None
    assert twin.grad is not None
    assert torch.allclose(maps.grad, twin.grad, atol=1e-4)
    # a feature beyond the place of all pixels has none; elsewhere each row of weights sums to 1
    shifted = torch.zeros(1, 1, 4, 6, requires_grad=True)
    upsample(shifted, (64, 96), GRIDS[0]).sum().backward()
    assert shifted.grad is not None
    assert shifted.grad.sum().item() == pytest.approx(64 * 96)


def test_it_learns_after_it_was_asked_in_inference() -> None:
    grid, size = FeatureGrid(16, 11.0), (48, 80)
    with torch.inference_mode():
        upsample(torch.rand(1, 1, 3, 5), size, grid)
        nearest(torch.zeros(1, 48, 80), (3, 5), onto=grid)
    maps = torch.rand(1, 1, 3, 5, requires_grad=True)
    labels = torch.rand(1, 48, 80, requires_grad=True)
    (upsample(maps, size, grid).square().sum() + nearest(labels, (3, 5), onto=grid).square().sum()).backward()
    assert maps.grad is not None
    assert labels.grad is not None


@pytest.mark.parametrize("size", [(4, 6), (64, 96), (9, 13), (3, 2), (1, 1)])
def test_nearest_of_centred_maps_is_nearest_exact(size: tuple[int, int]) -> None:
    labels = torch.randint(0, 256, (2, 5, 7), dtype=torch.uint8)
    expected = functional.interpolate(labels[:, None].float(), size, mode="nearest-exact")[:, 0]
    found = nearest(labels, size)
    assert found.dtype == torch.uint8
    assert torch.equal(found.float(), expected)
    assert nearest(labels, (5, 7)) is labels


@pytest.mark.parametrize("grid", GRIDS)
def test_nearest_takes_the_pixel_under_each_feature(grid: FeatureGrid) -> None:
    height, width = 4 * grid.stride, 6 * grid.stride
    pixels = torch.arange(height * width).view(1, height, width)
    # between two pixels, the later one
    rows = (columns_of(grid, 4) + 0.5).floor().long()
    columns = (columns_of(grid, 6) + 0.5).floor().long()
    assert torch.equal(nearest(pixels, (4, 6), onto=grid), pixels[:, rows][:, :, columns])


@pytest.mark.parametrize("grid", GRIDS)
def test_nearest_gives_every_pixel_the_feature_beside_it(grid: FeatureGrid) -> None:
    features = torch.arange(24).view(1, 4, 6)
    found = nearest(features, (4 * grid.stride, 6 * grid.stride), grid)
    distances = (torch.arange(6 * grid.stride)[:, None] - columns_of(grid, 6)).abs()
    assert (distances.gather(1, found[0, 0, :, None] % 6)[:, 0] <= distances.min(1).values).all()
    assert nearest(features.bool(), (8, 12), PIXELS).dtype == torch.bool
