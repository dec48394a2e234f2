"""A GPU trains every network as a processor does."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from tests.training import two_processes
from tests.training.two_processes import CASES, Found
from wsss.context import RunContext

pytestmark = pytest.mark.gpu

LOSSES, WEIGHTS = 2e-3, 2e-3
"""Most by which losses differ, relatively, and weights, as a part of the largest in their tensor."""


def train_on(device: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    def context(**settings: object) -> RunContext:
        return RunContext(**{**settings, "device": device})  # type: ignore[arg-type]

    monkeypatch.setattr(two_processes, "RunContext", context)
    return CASES[name](folder / device)


def furthest(found: Found, expected: Found) -> tuple[float, str]:
    """Return how far a weight is off, and in which tensor."""
    return max(
        (float((found["weights"][name].cpu() - value).abs().max() / value.abs().max().clamp(min=1e-3)), name)
        for name, value in expected["weights"].items()
        if value.is_floating_point()
    )


@pytest.mark.parametrize("name", CASES)
def test_a_gpu_trains_as_a_processor(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # else convolutions round to ten bits
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    train = partial(train_on, name=name, folder=tmp_path, monkeypatch=monkeypatch)
    found, expected = train("cuda"), train("cpu")
    losses = [[row["loss"] for row in one["rows"]] for one in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=LOSSES)
    assert furthest(found, expected) < (WEIGHTS, "")
