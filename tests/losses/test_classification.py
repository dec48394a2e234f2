from __future__ import annotations

import math

import pytest
import torch

from wsss.losses import multi_label_soft_margin


def test_classification_by_hand() -> None:
    logits, targets = torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[1, 0]])
    expected = (-math.log(0.75) - math.log(0.5)) / 2
    assert multi_label_soft_margin(logits, targets).item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"expected two \(N, C\)"):
        multi_label_soft_margin(logits, targets[0])
