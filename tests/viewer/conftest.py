"""The page over tiny runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the viewer's packages are not installed: pip install 'wsss[view]'")

from fastapi.testclient import TestClient

from tests.viewer.tiny import make_results
from wsss.viewer import run
from wsss.viewer.app import make_app


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page looks through folders again on every request."""
    monkeypatch.setattr(run, "LOOK_AGAIN", -1.0)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that no test changes."""
    return make_results(tmp_path_factory.mktemp("viewer"))


@pytest.fixture(scope="module")
def client(results: Path) -> Iterator[TestClient]:
    """Asks for the page of that run."""
    with open_page(results) as client:
        yield client


def open_page(*folders: Path, **options: Any) -> TestClient:
    return TestClient(make_app(folders, **options), base_url="http://localhost")


def settled(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer when everything is counted."""
    for _ in range(4800):  # four minutes keep a test from hanging, no more
        answer = ask()
        if answer["share"] == 1:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"still counting: {answer['share']}")
