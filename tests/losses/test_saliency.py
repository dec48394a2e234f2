from __future__ import annotations

import math

import pytest
import torch

from wsss.losses import saliency_cross_entropy


def test_saliency_is_a_mean_over_labelled_pixels_by_hand() -> None:
    logits = torch.tensor([[[[math.log(3.0), 0.0, 50.0]]]])  # probabilities 3/4, 1/2, 1
    labels = torch.tensor([[[1, 0, 255]]], dtype=torch.uint8)
    expected = (-math.log(0.75) - math.log(0.5)) / 2
    assert saliency_cross_entropy(logits, labels).item() == pytest.approx(expected, rel=1e-6)


def test_saliency_logits_are_resized_to_the_labels() -> None:
    logits = torch.randn(2, 1, 5, 6)
    labels = torch.randint(0, 2, (2, 20, 24), dtype=torch.uint8)
    upsampled = torch.nn.functional.interpolate(logits, (20, 24), mode="bilinear", align_corners=False)[:, 0]
    probabilities = torch.where(labels == 1, upsampled.sigmoid(), 1 - upsampled.sigmoid())
    assert torch.allclose(saliency_cross_entropy(logits, labels), -probabilities.log().mean(), atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "labels"), [((2, 2, 4, 4), (2, 4, 4)), ((2, 1, 4, 4), (1, 4, 4)), ((1, 4, 4), (1, 4, 4))]
)
def test_shapes_that_do_not_fit_are_named(logits: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected logits \(N, 1, h, w\)"):
        saliency_cross_entropy(torch.zeros(logits), torch.zeros(labels, dtype=torch.uint8))


def test_logits_of_half_precision_are_resized_in_full() -> None:
    logits = torch.randn(1, 1, 4, 4).bfloat16()
    labels = torch.randint(0, 2, (1, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        found = saliency_cross_entropy(logits, labels)
    assert found.dtype == torch.float32
    assert torch.allclose(found, saliency_cross_entropy(logits.float(), labels), rtol=1e-6)
