from __future__ import annotations

import torch
from torch import Tensor

from wsss.losses import auxsegnet_losses
from wsss.losses.auxsegnet import LOSSES


def predictions() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    shapes = {"class_logits": (2, 3), "saliency_logits": (2, 1, 4, 4), "segmentation_logits": (2, 4, 4, 4)}
    shapes |= {f"refined_{name}": shape for name, shape in shapes.items() if name != "class_logits"}
    return {name: torch.randn(shape, generator=random).requires_grad_() for name, shape in shapes.items()}


def test_every_prediction_has_its_loss_and_no_other() -> None:
    given = predictions()
    targets = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    labels = torch.randint(0, 4, (2, 8, 8), dtype=torch.uint8)
    saliency = (labels > 0).to(torch.uint8)
    losses = auxsegnet_losses(given, targets=targets, labels=labels, saliency=saliency)
    assert list(losses) == list(LOSSES)
    for name, loss in losses.items():
        gradients = torch.autograd.grad(loss, list(given.values()), allow_unused=True)
        assert [g is not None for g in gradients] == [output == LOSSES[name] for output in given]
        alone = auxsegnet_losses(
            {LOSSES[name]: given[LOSSES[name]]},
            targets=targets if name == "classification" else None,
            labels=labels,
            saliency=saliency if "saliency" in name else None,
        )
        assert list(alone) == [name]
        assert torch.equal(alone[name], loss)


def test_a_batch_without_a_label_gives_zeros_and_zero_gradients() -> None:
    given = predictions()
    ignored = torch.full((2, 8, 8), 255, dtype=torch.uint8)
    losses = auxsegnet_losses(given, targets=torch.zeros(2, 3), labels=ignored, saliency=ignored)
    assert [losses[name].item() for name in losses if name != "classification"] == [0.0] * 4
    torch.stack(list(losses.values())).sum().backward()
    for name, value in given.items():
        assert value.grad is not None
        assert value.grad.isfinite().all()
        assert (value.grad.abs().sum() == 0) == (name != "class_logits")
