"""A process of its own for each stage: what it takes, and how it may end."""

from __future__ import annotations

import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.estimate.measure import TIME_IS_UP, Measured, measure, starting
from wsss.estimate.processes import Watched
from wsss.progress import Progress

MB = 1 << 20


def work(folder: Path) -> None:
    with Progress("work", 3) as progress:
        for _ in range(3):
            progress.advance()
    (folder / "made.h5").write_bytes(bytes(1000))
    (folder / "more").mkdir()
    (folder / "more/made.h5").write_bytes(bytes(500))


def work_in_two(looked: Path) -> None:
    """Compute for a second in a fork that has 60 MB of its own, beside 40 MB that it shares."""
    shared = bytearray(os.urandom(MB)) * 40
    process = multiprocessing.Process(target=compute, args=(looked,))
    with Progress("work", 1) as progress:
        process.start()
        process.join()
        progress.advance()
    assert shared


def compute(looked: Path) -> None:
    own = bytearray(os.urandom(MB)) * 60
    while not looked.exists() or time.process_time() < 1:
        pass
    assert own


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
    # the process of the test has imported little, and the sample's nothing more
    assert MB < found.inherited <= found.memory


def test_processes_that_it_starts_are_seen(folder: Path, monkeypatch: pytest.MonkeyPatch):
    look, looked = Watched.look, folder.parent / "looked"

    def look_and_tell(watched: Watched, pid: int) -> float:
        wait = look(watched, pid)
        if watched.beside > 60 * MB:
            looked.touch()
        return wait

    monkeypatch.setattr(Watched, "look", look_and_tell)
    found = measured(partial(work_in_two, looked), folder)
    assert found.error == ""
    assert found.memory > 40 * MB
    assert 60 * MB < found.beside < 90 * MB
    assert found.processor >= 1
    assert found.parts[0].processor[0] == pytest.approx(found.processor, abs=0.5)


def test_an_error_is_one_line(folder: Path):
    assert measured(refuse, folder).error == "the image is missing"
    assert measured(break_down, folder).error == "ValueError: a defect of two lines"
    assert "ended with 9" in measured(die, folder).error


def test_what_an_import_takes_is_seen():
    found = starting("json")
    assert 0 < found.processor <= found.seconds
    assert found.memory > found.own > MB


def test_what_takes_too_long_is_ended(folder: Path):
    assert measured(wait_for_ever, folder, limit=0.1).error == TIME_IS_UP
