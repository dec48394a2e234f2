"""Who works on an artifact, as far as one machine of several can tell."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wsss.state import StageState
from wsss.viewer.signs import Work, log_of, state_of, work_on


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "cams.h5"


def begin(output: Path, lock: str | None, *, when: float = 1000.0) -> Path:
    """Make a state that was last touched at a time."""
    state = state_of(output)
    state.mkdir(parents=True)
    if lock is not None:
        (state / "lock").write_text(lock)
    for path in (*state.iterdir(), state):
        os.utime(path, (when, when))
    return state


def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_stage_says_who_works(output: Path):
    with StageState(output, {"stage": "cams"}) as state:
        (state.folder / "shard-000000.h5").write_bytes(b"")
        found = work_on([output], False, [])
        assert (found.state, found.host) == ("running", "")
        assert found.sign == pytest.approx(max(path.stat().st_mtime for path in state.folder.iterdir()))


def test_what_another_machine_began_is_never_called_stopped(output: Path, tmp_path: Path):
    state, log = begin(output, f"{ended()} on node7"), tmp_path / "cams.log"
    assert work_on([output], False, [log]) == Work("begun", "node7", 1000.0)
    # the log lives on between two images that are saved
    log.write_text("cams: 8 of 64 images")
    os.utime(log, (2000.0, 2000.0))
    assert work_on([output], False, [log]) == Work("begun", "node7", 2000.0)
    (state / "lock").write_text("")
    assert work_on([output], False, []).state == "begun"


def test_what_this_machine_left_has_stopped(output: Path):
    begin(output, f"{ended()} on {socket.gethostname()}")
    assert work_on([output], False, []) == Work("stopped", sign=1000.0)
    assert work_on([output], True, []).state == "running"


def test_a_state_that_is_removed_meanwhile_has_no_sign(output: Path, monkeypatch: pytest.MonkeyPatch):
    state = begin(output, f"{ended()} on {socket.gethostname()}")
    (state / "shards").mkdir()
    scandir = os.scandir

    def remove_and_scan(path: object) -> object:
        # the stage ends between a look at the folder and a look into it
        shutil.rmtree(state, ignore_errors=True) if Path(str(path)) == state else None
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", remove_and_scan)
    assert work_on([output], False, []).state == "stopped"
    assert not state.exists()


def test_a_process_that_got_the_number_later_is_another(output: Path):
    begin(output, f"{os.getpid()} on {socket.gethostname()}")
    assert work_on([output], False, []).state == "stopped"


def test_where_nobody_can_have_a_lock_nobody_works(output: Path):
    begin(output, None)
    assert work_on([output], False, []).state == "stopped"


def test_parts_lie_on_several_machines(tmp_path: Path):
    parts = [tmp_path / f"{number}-of-3.h5" for number in (1, 2, 3)]
    parts[0].write_bytes(b"")
    os.utime(parts[0], (500.0, 500.0))
    # a part is done, and others may be about to begin anywhere
    assert work_on(parts[:1], False, []) == Work("begun", "", 500.0)
    for part, node in zip(parts[1:], ("node8", "node7"), strict=True):
        begin(part, f"12 on {node}")
    assert work_on(parts, False, []) == Work("begun", "node7, node8", 1000.0)


def test_a_part_has_a_log_of_its_own():
    record = Path("results/run/logs/predict-val-model-single")
    whole = Path("results/run/predictions/val/model--single.h5")
    assert log_of(whole, record).name == "predict-val-model-single.log"
    part = whole.with_suffix(".parts") / "2-of-4.h5"
    assert log_of(part, record).name == "predict-val-model-single-2-of-4.log"
