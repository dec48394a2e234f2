from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from wsss.losses import balanced_cross_entropy
from wsss.models.network import NEVER


def test_two_means_are_added() -> None:
    logits = torch.randn(1, 3, 2, 3)
    labels = torch.tensor([[[0, 0, 0], [1, 2, 255]]])
    background = functional.cross_entropy(logits[:, :, 0], labels[:, 0])
    objects = functional.cross_entropy(logits[:, :, 1, :2], labels[:, 1, :2])
    assert balanced_cross_entropy(logits, labels).item() == pytest.approx((background + objects).item(), rel=1e-6)


@pytest.mark.parametrize("label", [0, 2, 255])
def test_a_group_without_pixels_adds_nothing(label: int) -> None:
    # the released codes divide by zero here
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    labels = torch.full((1, 8, 8), label, dtype=torch.uint8)
    loss = balanced_cross_entropy(logits, labels)
    loss.backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    large = functional.interpolate(logits, (8, 8), mode="bilinear", align_corners=False)
    expected = 0.0 if label == 255 else functional.cross_entropy(large, labels.long()).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected logits \(N, K, h, w\)"):
        balanced_cross_entropy(torch.zeros(1, 3, 4, 4), torch.zeros(2, 4, 4))


def test_logits_of_half_precision_are_resized_in_full() -> None:
    logits = torch.randn(1, 3, 4, 4).bfloat16()
    labels = torch.randint(0, 3, (1, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        found = balanced_cross_entropy(logits, labels)
    assert found.dtype == torch.float32
    assert torch.allclose(found, balanced_cross_entropy(logits.float(), labels), rtol=1e-6)


def test_weights_of_classes_by_hand() -> None:
    logits = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [1.0, 0.0, 0.0]]).T.reshape(1, 3, 1, 3)
    labels = torch.tensor([[[0, 1, 2]]])
    costs = functional.cross_entropy(logits, labels, reduction="none").flatten().tolist()
    loss = balanced_cross_entropy(logits, labels, weights=torch.tensor([2.0, 1.0, 3.0]))
    assert loss.item() == pytest.approx(costs[0] + (costs[1] + 3 * costs[2]) / 4)
    ones = balanced_cross_entropy(logits, labels, weights=torch.ones(3))
    assert ones.item() == pytest.approx(balanced_cross_entropy(logits, labels).item())


def test_without_background_it_is_the_mean_over_the_classes() -> None:
    logits, labels = torch.randn(1, 3, 2, 3), torch.tensor([[[1, 2, 1], [1, 2, 255]]])
    logits[:, 0] = NEVER
    expected = functional.cross_entropy(logits[:, 1:], torch.where(labels == 255, 255, labels - 1), ignore_index=255)
    assert balanced_cross_entropy(logits, labels).item() == pytest.approx(expected.item(), rel=1e-6)
