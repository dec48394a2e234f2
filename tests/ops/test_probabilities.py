from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from wsss.ops.probabilities import labels_at_size, multi_scale_probabilities


def logits(images: torch.Tensor) -> torch.Tensor:
    return 5 * torch.nn.functional.avg_pool2d(images, 2)


def test_probabilities_sum_to_one_at_the_size_of_the_images() -> None:
    result = multi_scale_probabilities(logits, torch.rand(2, 3, 17, 22), (0.5, 1.0, 1.25), True)
    assert result.shape == (2, 3, 17, 22)
    assert torch.allclose(result.sum(1), torch.ones(2, 17, 22), atol=1e-5)


def test_single_scale_is_the_softmax_of_resized_logits() -> None:
    images = torch.rand(1, 3, 32, 64)
    expected = functional.interpolate(logits(images), (32, 64), mode="bilinear", align_corners=False).softmax(1)
    assert torch.allclose(multi_scale_probabilities(logits, images, (1.0,), False), expected, atol=1e-6)


def test_mirroring_the_image_mirrors_the_result() -> None:
    images = torch.rand(1, 3, 8, 10)
    straight = multi_scale_probabilities(logits, images, (1.0, 2.0), True)
    mirrored = multi_scale_probabilities(logits, images.flip(-1), (1.0, 2.0), True)
    assert torch.allclose(straight, mirrored.flip(-1), atol=1e-6)


def test_the_largest_of_each_class_is_taken_over_scales_and_mirror_images() -> None:
    images, scales = torch.rand(2, 3, 64, 96), (0.5, 1.0)
    found = multi_scale_probabilities(logits, images, scales, True, combine="max")
    parts = [multi_scale_probabilities(logits, images, (scale,), False) for scale in scales]
    parts += [multi_scale_probabilities(logits, images.flip(-1), (scale,), False).flip(-1) for scale in scales]
    largest = torch.stack(parts).amax(0)
    assert torch.allclose(found, largest / largest.sum(1, keepdim=True), atol=1e-6)
    assert not torch.allclose(found, torch.stack(parts).mean(0), atol=1e-3)


@pytest.mark.parametrize("size", [(7, 5), (600, 41), (12, 300), (3, 2)])
def test_bands_give_what_one_interpolation_gives(size: tuple[int, int]) -> None:
    scores = torch.rand(4, 12, 9)
    whole = functional.interpolate(scores[None], size, mode="bilinear", align_corners=False)[0]
    labels = labels_at_size(scores, size)
    assert labels.dtype == torch.uint8
    # where two classes are equal to rounding either may win
    margin = whole.topk(2, 0).values
    clear = margin[0] - margin[1] > 1e-5
    assert clear.float().mean() > 0.99
    assert torch.equal(labels[clear], whole.argmax(0).to(torch.uint8)[clear])
