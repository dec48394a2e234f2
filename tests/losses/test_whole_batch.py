"""Losses of two halves of a batch, each computed by a thread of its own, against the loss of the whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import Tensor

from wsss.losses import (
    adaptive_affinity_loss,
    auxsegnet_losses,
    balanced_cross_entropy,
    label_reassign_loss,
    multi_label_soft_margin,
    saliency_cross_entropy,
    segmentation_cross_entropy,
)
from wsss.losses.whole_batch import ALONE, WholeBatch

Loss = Callable[[Tensor, Tensor, WholeBatch], Tensor]


def targets(labels: Tensor) -> Tensor:
    return torch.stack([(labels == k).flatten(1).any(1) for k in (1, 2)], 1).float()


def reassign(scope: str) -> Loss:
    def loss(maps: Tensor, labels: Tensor, whole: WholeBatch) -> Tensor:
        return label_reassign_loss(maps, labels, targets(labels), scope=scope, min_points=3, whole=whole).loss  # type: ignore[arg-type]

    return loss


LOSSES: dict[str, Loss] = {
    "segmentation": lambda maps, labels, whole: segmentation_cross_entropy(maps, labels, whole=whole),
    "balanced": lambda maps, labels, whole: balanced_cross_entropy(maps, labels, whole=whole),
    "segmentation, weighted": lambda maps, labels, whole: segmentation_cross_entropy(
        maps, labels, whole=whole, weights=torch.tensor([0.5, 2.0, 3.0])
    ),
    "balanced, weighted": lambda maps, labels, whole: balanced_cross_entropy(
        maps, labels, whole=whole, weights=torch.tensor([0.5, 2.0, 3.0])
    ),
    "saliency": lambda maps, labels, whole: saliency_cross_entropy(maps[:, :1], labels, whole=whole),
    "affinity": lambda maps, labels, whole: adaptive_affinity_loss(
        maps.softmax(1), labels, None, offset=1, whole=whole
    ),
    "classification": lambda maps, labels, _: multi_label_soft_margin(maps.mean((2, 3))[:, 1:], targets(labels)),
    "auxsegnet": lambda maps, labels, whole: sum(
        auxsegnet_losses(
            {"saliency_logits": maps[:, :1], "segmentation_logits": maps},
            targets=None,
            labels=labels,
            saliency=labels,
            whole=whole,
        ).values()
    ),
    **{f"reassign {scope}": reassign(scope) for scope in ("batch", "image", "ema")},
}


def batch() -> tuple[Tensor, Tensor]:
    """Maps (4, 3, 6, 6), and labels of which the first two images have far fewer than the others."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (4, 6, 6), generator=generator)
    labels[:2, 1:] = 255
    return torch.randn(4, 3, 6, 6, generator=generator), labels


def with_gradient(loss: Loss, maps: Tensor, labels: Tensor, whole: WholeBatch) -> tuple[float, Tensor]:
    maps = maps.clone().requires_grad_()
    value = loss(maps, labels, whole)
    value.backward()
    assert maps.grad is not None
    return value.item(), maps.grad


def of_halves(loss: Loss) -> tuple[float, Tensor]:
    """Average the two losses; return the gradient of that."""
    barrier, given = Barrier(2, timeout=30), dict[int, Tensor]()

    def half(rank: int) -> tuple[float, Tensor]:
        def summed(values: Tensor) -> Tensor:
            given[rank] = values.detach()
            barrier.wait()
            total = given[0] + given[1]
            barrier.wait()
            return total

        maps, labels = (tensor[2 * rank : 2 * rank + 2] for tensor in batch())
        return with_gradient(loss, maps, labels, WholeBatch(summed, 2))

    with ThreadPoolExecutor(2) as pool:
        (first, first_gradient), (second, second_gradient) = pool.map(half, (0, 1))
    return (first + second) / 2, torch.cat([first_gradient, second_gradient]) / 2


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_over_processes_is_the_loss_of_the_whole_batch(name: str) -> None:
    expected, gradient = with_gradient(LOSSES[name], *batch(), ALONE)
    found, found_gradient = of_halves(LOSSES[name])
    assert found == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(found_gradient, gradient, atol=1e-6)


def test_nothing_to_count_divides_by_one() -> None:
    assert ALONE.divisor(torch.tensor([0, 3])).tolist() == [1, 3]
    assert WholeBatch(lambda count: count * 2, 2).divisor(torch.tensor([0, 3])).tolist() == [0.5, 3]
