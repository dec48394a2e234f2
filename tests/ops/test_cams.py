from __future__ import annotations

import pytest
import torch

from wsss.grid import FeatureGrid
from wsss.ops.affinity import DenseAffinity
from wsss.ops.cams import multi_scale_cams, normalize_cams, refine_cams, scaled_images


def test_refined_cams_are_normalised_once_before() -> None:
    cams = torch.tensor([[[[0.0, 2.0]], [[5.0, 0.0]]]])
    matrix = torch.tensor([[[0.5, 0.5], [0.0, 1.0]]])
    found = refine_cams(cams, DenseAffinity(matrix, (1, 2)))
    assert torch.allclose(found, torch.tensor([[[[0.5, 1.0]], [[0.5, 0.0]]]]), atol=1e-4)
    assert torch.allclose(refine_cams(cams, None), torch.tensor([[[[0.0, 1.0]], [[1.0, 0.0]]]]), atol=1e-4)


def brightness(images: torch.Tensor) -> torch.Tensor:
    """A stand-in for a network: the red and the green channel at half resolution."""
    return torch.nn.functional.avg_pool2d(images[:, :2], 2)


def test_sum_over_scales_and_flip_of_a_flat_image_is_the_number_of_passes() -> None:
    images = torch.ones(2, 3, 16, 24)
    cams = multi_scale_cams(brightness, images, (0.5, 1.0, 2.0), True, (8, 12))
    assert cams.shape == (2, 2, 8, 12)
    assert torch.allclose(cams, torch.full_like(cams, 6.0))


def test_mirrored_pass_is_turned_back() -> None:
    images = torch.zeros(1, 3, 8, 8)
    images[..., :2] = 1
    once = multi_scale_cams(brightness, images, (1.0,), False, (4, 4))
    twice = multi_scale_cams(brightness, images, (1.0,), True, (4, 4))
    assert torch.allclose(twice, 2 * once)
    assert once[0, 0, 0].tolist() == [1, 0, 0, 0]


def test_a_batch_gives_what_single_images_give() -> None:
    images = torch.rand(3, 3, 20, 30)
    together = multi_scale_cams(brightness, images, (0.5, 1.5), True, (5, 8))
    apart = torch.cat([multi_scale_cams(brightness, image[None], (0.5, 1.5), True, (5, 8)) for image in images])
    assert torch.allclose(together, apart, atol=1e-6)


def test_scaled_sizes_are_snapped_and_never_empty() -> None:
    images = torch.rand(1, 3, 64, 96)
    scaled = scaled_images(images, (0.1, 0.25, 1.0, 1.5))
    assert [tuple(image.shape[-2:]) for image in scaled] == [(32, 32), (32, 32), (64, 96), (96, 160)]
    assert scaled[2] is images


@pytest.mark.parametrize("grid", [FeatureGrid(16, 15.0), FeatureGrid(16, 0.0)])
def test_maps_of_all_scales_and_of_the_mirror_image_lie_on_the_pixels(grid: FeatureGrid) -> None:
    """Each feature is the pixel that it lies on, so the sum is the image, as often as it is seen."""
    columns = torch.arange(128.0).expand(1, 3, 128, 128)

    def compute(pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, :1, int(grid.first) :: 16, int(grid.first) :: 16]

    placed = multi_scale_cams(compute, columns, (1.0, 0.5, 2.0), True, (128, 128), grid)
    centred = multi_scale_cams(compute, columns, (1.0, 0.5, 2.0), False, (128, 128))
    middle = (..., slice(40, 88))
    assert torch.allclose(placed[middle] / 6, columns[:, :1][middle], atol=0.3)
    assert (centred[middle] / 3 - columns[:, :1][middle]).abs().mean() > 5


def test_normalised_maps_reach_one_and_empty_maps_stay_empty() -> None:
    cams = torch.zeros(2, 3, 3)
    cams[0, 1, 1] = 8
    normalized = normalize_cams(cams)
    assert torch.isclose(normalized[0].max(), torch.tensor(1.0), atol=1e-4)
    assert normalized[1].max() == 0
