from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.tiny import TinyNetwork, train_tiny
from wsss.config import Optimizer
from wsss.training.schedule import build_optimizer, rate_factor, set_rates


def test_polynomial_decay_after_warmup() -> None:
    settings = Optimizer(power=0.9, warmup_steps=4)
    assert rate_factor(settings, 0, 100) == pytest.approx(0.25)
    assert rate_factor(settings, 3, 100) == pytest.approx(0.97**0.9)
    assert rate_factor(settings, 50, 100) == pytest.approx(0.5**0.9)
    assert rate_factor(Optimizer(power=1.0), 99, 100) == pytest.approx(0.01)


def test_new_layers_learn_faster_and_vectors_do_not_decay() -> None:
    network = TinyNetwork()
    settings = Optimizer(name="sgd", learning_rate=0.1, head_multiplier=10, weight_decay=0.01, momentum=0.8)
    optimizer = build_optimizer(settings, network.parameter_groups())
    assert isinstance(optimizer, torch.optim.SGD)
    set_rates(optimizer, 0.5)
    found = {
        id(parameter): (group["lr"], group["weight_decay"], group["momentum"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    conv, norm = network.features[0], network.features[1]
    assert found[id(conv.weight)] == (0.05, 0.01, 0.8)
    assert found[id(conv.bias)] == found[id(norm.weight)] == (0.05, 0.0, 0.8)
    assert found[id(network.head.weight)] == (0.5, 0.01, 0.8)
    assert found[id(network.head.bias)] == (0.5, 0.0, 0.8)
    assert len(found) == 6


def test_the_rate_of_every_step_is_that_of_the_schedule(tmp_path: Path) -> None:
    _, result = train_tiny(tmp_path)
    settings = Optimizer(learning_rate=0.05, warmup_steps=2)
    expected = [0.05 * rate_factor(settings, step, 9) for step in range(9)]
    assert [row["learning_rate"] for row in result.rows] == pytest.approx(expected)
