from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from wsss.losses import multi_label_soft_margin


def test_classification_by_hand() -> None:
    logits, targets = torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[1, 0]])
    expected = (-math.log(0.75) - math.log(0.5)) / 2
    assert multi_label_soft_margin(logits, targets).item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"expected two \(N, C\)"):
        multi_label_soft_margin(logits, targets[0])


def test_weights_are_factors_on_the_classes() -> None:
    logits, targets = torch.tensor([[0.0, 2.0], [1.0, -1.0]]), torch.tensor([[1, 0], [0, 1]])
    costs = functional.binary_cross_entropy_with_logits(logits, targets.float(), reduction="none")
    loss = multi_label_soft_margin(logits, targets, torch.tensor([3.0, 0.5]))
    assert loss.item() == pytest.approx((costs * torch.tensor([3.0, 0.5])).mean().item())
