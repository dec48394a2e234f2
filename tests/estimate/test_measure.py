"""A process of its own for each stage: what it takes, and how it may end."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.estimate.measure import TIME_IS_UP, Measured, measure
from wsss.progress import Progress


def work(folder: Path) -> None:
    with Progress("work", 3) as progress:
        for _ in range(3):
            progress.advance()
    (folder / "made.h5").write_bytes(bytes(1000))
    (folder / "more").mkdir()
    (folder / "more/made.h5").write_bytes(bytes(500))


def refuse() -> None:
    raise InputError("the image is missing")


def break_down() -> None:
    raise ValueError("a defect\nof two lines")


def die() -> None:
    os._exit(9)


def wait_for_ever() -> None:
    time.sleep(1000)


def measured(call: object, folder: Path, limit: float = 300.0) -> Measured:
    return measure(call, folder, folder.parent / "log.txt", limit)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_times_memory_and_disk_are_seen(folder: Path):
    found = measured(partial(work, folder), folder)
    assert found.error == ""
    assert [(part.unit, part.total, len(part.seconds)) for part in found.parts] == [("images", 3, 3)]
    assert found.disk == 1500
    assert found.memory >= found.parts[0].memory > 1_000_000


def test_an_error_is_one_line(folder: Path):
    assert measured(refuse, folder).error == "the image is missing"
    assert measured(break_down, folder).error == "ValueError: a defect of two lines"
    assert "ended with 9" in measured(die, folder).error


def test_what_takes_too_long_is_ended(folder: Path):
    assert measured(wait_for_ever, folder, limit=0.1).error == TIME_IS_UP
