"""Signs of work on artifacts: processes of this machine, and what those of other machines leave in a shared folder."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from wsss.pipeline.paths import whole_path

CLOCKS = 60.0
"""Seconds by which the clock of a file server may differ from that of this machine."""
LOCK = re.compile(r"(?P<process>\d+) on (?P<host>\S+)")
"""What the lock of a state folder holds (`wsss.state.StageState`)."""


@dataclass(frozen=True)
class Work:
    """What is known of the work on an artifact that is not there yet.

    Attributes:
        state: `running`: a process of this machine works on it. `stopped`: one of this machine did, and does not any
            more. `begun`: another machine works on it, or has stopped; from here, nobody can tell.
        host: The other machines, as their locks name them; empty if none does.
        sign: Time of the last change of its files and its log, seconds since 1970; None if there are none.
    """

    state: Literal["running", "stopped", "begun"]
    host: str = ""
    sign: float | None = None


@dataclass(frozen=True)
class _Holder:
    """The process that holds or held a state, its host, and when it began; no host where the lock does not say."""

    process: int = 0
    host: str = ""
    began: float = 0.0


def work_on(made: Sequence[Path], written: bool, logs: Sequence[Path]) -> Work:
    """Say what is known of the work on an artifact that was begun.

    Args:
        made: The artifact and its parts, which are there or were begun.
        written: Whether a process on this machine is writing one of them (`outputs_being_written`).
        logs: Logs of the jobs that make it.
    """
    states = [state for path in made if (state := state_of(path)).is_dir()]
    holders = [found for state in states if (found := _holder(state)) is not None]
    own = socket.gethostname()
    hosts = sorted({holder.host for holder in holders if holder.host not in ("", own)})
    sign = _last_change([*states, *made, *logs])
    if written or any(holder.host == own and _lives(holder) for holder in holders):
        return Work("running", ", ".join(hosts), sign)
    # parts that are done, none begun: others may be about to begin, anywhere
    if hosts or not states or any(not holder.host for holder in holders):
        return Work("begun", ", ".join(hosts), sign)
    return Work("stopped", sign=sign)


def state_of(path: Path) -> Path:
    """Return the folder of the resumable state of an output."""
    return path.parent / f".{path.name}.state"


def below(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder at any depth; nothing of folders that are removed meanwhile, or are none."""
    # `Path.rglob` and `Path.glob` raise an error where a stage ends and removes its state
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *files))


def outputs_being_written() -> Iterator[Path]:
    """Yield the outputs, resolved, that processes on this machine are writing, by their option `--output`."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "--output" in command[:-1] and any(Path(word).name == "wsss" for word in command[:4]):
            try:
                yield (Path(process.cwd()) / command[command.index("--output") + 1]).resolve()
            except (psutil.Error, OSError):
                continue


def log_of(path: Path, record: Path) -> Path:
    """Return the log of the job that makes an artifact or a part of one; `record` is that of the whole, unsuffixed."""
    part = "" if whole_path(path) == path else f"-{path.stem}"
    return record.with_name(f"{record.name}{part}.log")


def _holder(state: Path) -> _Holder | None:
    """Return who holds or held a state; None without a lock: who works on a state locks it first, so nobody does."""
    try:
        text = (state / "lock").read_text(encoding="utf-8", errors="replace")
        began = (state / "lock").stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError:
        return _Holder()
    found = LOCK.fullmatch(text)
    return _Holder() if found is None else _Holder(int(found["process"]), found["host"], began)


def _lives(holder: _Holder) -> bool:
    """Tell whether a process of this machine lives, and not another one that got its number later."""
    try:
        return psutil.Process(holder.process).create_time() <= holder.began + CLOCKS
    except psutil.Error:
        return False


def _last_change(paths: Sequence[Path]) -> float | None:
    """Return the time of the last change of files, and of those in folders at any depth; None if there are none."""
    return max((when for path in paths for found in (path, *below(path)) for when in _changed(found)), default=None)


def _changed(path: Path) -> list[float]:
    """Return the time of the last change of a file; nothing for one that is not there any more."""
    try:
        return [path.stat().st_mtime]
    except OSError:
        return []
