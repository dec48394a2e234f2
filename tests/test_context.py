"""What the context of a stage refuses."""

from __future__ import annotations

from typing import Any

import pytest

from wsss.context import RunContext
from wsss.errors import InputError


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3"])
def test_devices(device: str):
    assert RunContext(device=device).device == device


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "gpu"}, "device `gpu` is none; use auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:x"}, "device `cuda:x` is none"),
        ({"precision": "16"}, "precision `16` is none; use one of auto, 32, bf16-mixed"),
        ({"checkpoint_minutes": float("nan")}, "checkpoint_minutes is nan; use a number of minutes, 0 or more"),
        ({"loggers": ("csv", "paper")}, "logger `paper` is none; use auto, tensorboard, wandb, mlflow, csv, or `none`"),
        ({"checkpoint_minutes": float("inf")}, "checkpoint_minutes is inf"),
    ],
)
def test_what_is_none_is_refused(change: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words):
        RunContext(**change)
