from __future__ import annotations

import math

import pytest
import torch

from wsss.losses import segmentation_cross_entropy


def test_mean_over_labelled_pixels_by_hand() -> None:
    logits = torch.zeros(1, 3, 1, 3)
    logits[0, 1, 0, 0] = math.log(2.0)  # probabilities 1/4, 1/2, 1/4 at the first pixel
    labels = torch.tensor([[[1, 0, 255]]])
    expected = (-math.log(0.5) - math.log(1 / 3)) / 2
    assert segmentation_cross_entropy(logits, labels).item() == pytest.approx(expected, rel=1e-6)


def test_uint8_labels_and_small_logits() -> None:
    logits = torch.randn(2, 4, 5, 6)
    labels = torch.randint(0, 4, (2, 20, 24), dtype=torch.uint8)
    upsampled = torch.nn.functional.interpolate(logits, (20, 24), mode="bilinear", align_corners=False)
    expected = torch.nn.functional.cross_entropy(upsampled, labels.long())
    assert torch.allclose(segmentation_cross_entropy(logits, labels), expected, atol=1e-6)


def test_nothing_labelled_gives_zero_and_zero_gradients() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = segmentation_cross_entropy(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.abs().sum().item() == 0.0


def test_other_ignore_index() -> None:
    logits = torch.randn(1, 3, 2, 2)
    labels = torch.tensor([[[0, 7], [7, 7]]])
    expected = torch.nn.functional.cross_entropy(logits[:, :, 0, 0], labels[:, 0, 0])
    assert torch.allclose(segmentation_cross_entropy(logits, labels, ignore_index=7), expected)


@pytest.mark.parametrize(
    ("logits", "labels"), [((3, 4, 4), (1, 4, 4)), ((2, 3, 4, 4), (1, 4, 4)), ((1, 3, 4, 4), (4, 4))]
)
def test_shapes_that_do_not_fit_are_named(logits: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected logits \(N, K, h, w\)"):
        segmentation_cross_entropy(torch.zeros(logits), torch.zeros(labels, dtype=torch.long))


def test_logits_of_half_precision_are_resized_in_full() -> None:
    logits = torch.randn(1, 3, 4, 4).bfloat16()
    labels = torch.randint(0, 3, (1, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        found = segmentation_cross_entropy(logits, labels)
    assert found.dtype == torch.float32
    assert torch.allclose(found, segmentation_cross_entropy(logits.float(), labels), rtol=1e-6)


def test_weights_of_classes_by_hand() -> None:
    logits = torch.tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5], [0.3, 0.1]]).T.reshape(1, 2, 2, 2).requires_grad_()
    labels = torch.tensor([[[0, 1], [1, 255]]])
    costs = [math.log(1 + math.exp(1)), math.log(1 + math.exp(3)), math.log(2)]
    loss = segmentation_cross_entropy(logits, labels, weights=torch.tensor([3.0, 0.5]))
    assert loss.item() == pytest.approx((3 * costs[0] + 0.5 * costs[1] + 0.5 * costs[2]) / (3 + 0.5 + 0.5))
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[0, :, 1, 1] == 0).all()
    ones = segmentation_cross_entropy(logits, labels, weights=torch.ones(2))
    assert ones.item() == pytest.approx(segmentation_cross_entropy(logits, labels).item())
    ignored = torch.full((1, 2, 2), 255)
    assert segmentation_cross_entropy(logits, ignored, weights=torch.ones(2)).item() == 0
