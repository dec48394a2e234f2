"""Loss of multi-label classification."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def multi_label_soft_margin(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Average the binary cross entropy of sigmoids over images and classes.

    Args:
        logits: (N, C).
        targets: (N, C) in {0, 1}.
        weights: (C,), factors on the classes; None is 1 for all.

    Returns:
        A scalar.

    Raises:
        ValueError: If the shapes differ.
    """
    if logits.ndim != 2 or logits.shape != targets.shape:
        raise ValueError(f"expected two (N, C) of one shape, got {tuple(logits.shape)} and {tuple(targets.shape)}")
    return functional.multilabel_soft_margin_loss(logits.float(), targets.float(), weight=weights)
