"""The optimiser and its learning rate, as a function of the step alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from wsss.config import Optimizer


def build_optimizer(
    settings: Optimizer,
    groups: Mapping[str, Iterable[nn.Parameter]],
    *,
    bias_multiplier: float = 1.0,
    factors: Mapping[str, float] | None = None,
) -> torch.optim.Optimizer:
    """Build an optimiser whose groups keep their own base rate under `base_rate`.

    Args:
        settings: Kind, rates and decay.
        groups: `pretrained` and `new` parameters; new ones learn `head_multiplier` times as fast. Biases and
            parameters of normalisation, all of them vectors, are not decayed.
        bias_multiplier: How many times as fast these vectors learn.
        factors: How many times as fast further groups learn, by their names.
    """
    optimizer_groups: list[dict[str, Any]] = []
    known = {"pretrained": 1.0, "new": settings.head_multiplier, **(factors or {})}
    for name, parameters in groups.items():
        rate = settings.learning_rate * known[name]
        members = list(parameters)
        for decay, factor, chosen in (
            (settings.weight_decay, 1.0, [parameter for parameter in members if parameter.ndim > 1]),
            (0.0, bias_multiplier, [parameter for parameter in members if parameter.ndim <= 1]),
        ):
            if chosen:
                own = rate * factor
                optimizer_groups.append({"params": chosen, "lr": own, "base_rate": own, "weight_decay": decay})
    if settings.name == "sgd":
        # not fused: its momentum fails where a parameter has had no gradient yet and its neighbours have
        return torch.optim.SGD(optimizer_groups, lr=settings.learning_rate, momentum=settings.momentum)
    # one pass over each tensor in place of one per operation, on a CPU as on a GPU
    made = torch.optim.AdamW(optimizer_groups, lr=settings.learning_rate, fused=True)
    # else gradients of mixed precision would be scaled back within the step, too late to be clipped
    made._step_supports_amp_scaling = False
    return made


def rate_factor(settings: Optimizer, step: int, steps: int) -> float:
    """Return the factor on base rates at a step counted from 0: (1 - step/steps)^power, after a linear warm-up."""
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    return warmup * (1 - step / steps) ** settings.power


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give every group its base rate times the factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_rate"] * factor
