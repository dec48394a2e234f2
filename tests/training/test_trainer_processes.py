"""Two processes train every network as one does: to the same weights, with the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.two_processes import CASES, Found, train_together

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("two processes")]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Found]]:
    return train_together(tmp_path_factory.mktemp("together"))


def differing(found: Any, expected: Any) -> list[str]:
    """Names of numbers that are not the same to 1e-5."""
    assert found.keys() == expected.keys()
    return [name for name, value in expected.items() if found[name] != pytest.approx(value, rel=1e-5, abs=1e-5)]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one(name: str, together: dict[str, list[Found]], tmp_path: Path) -> None:
    alone = CASES[name](tmp_path)
    first, second = together[name]
    for weights in (first["weights"], second["weights"]):
        assert weights.keys() == alone["weights"].keys()
        # rounding grows over the steps: 3e-5 of the value was seen, for statistics of the deepest layers
        wrong = [k for k, v in weights.items() if not torch.allclose(v, alone["weights"][k], rtol=1e-4, atol=1e-5)]
        assert wrong == []
    for kind in ("rows", "epochs"):
        assert len(first[kind]) == len(alone[kind])
        assert [differing(a, b) for a, b in zip(first[kind], alone[kind], strict=True)] == [[]] * len(alone[kind])
