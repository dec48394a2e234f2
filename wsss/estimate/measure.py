"""Run one stage on the sample in a process of its own, and see what it takes."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from wsss.errors import InputError
from wsss.progress import LISTENERS, Progress

PAGE = os.sysconf("SC_PAGE_SIZE")
TIME_IS_UP = "not measured: the time was up (--seconds)"
PATIENCE = 5.0
"""Seconds that a process has to end when it is asked to."""


@dataclass
class Part:
    """What a stage did item by item.

    Attributes:
        unit: What the items are: images, steps, batches.
        total: How many there were.
        seconds: From the beginning to the end of each item, as far as they end one by one.
        memory: Bytes of memory that the process had at the beginning.
    """

    unit: str
    total: int
    seconds: list[float] = field(default_factory=list)
    memory: int = 0


@dataclass
class Measured:
    """What a stage took on the sample.

    Attributes:
        seconds: In all, from the call of its function.
        parts: What it did item by item.
        memory: Most bytes of memory that its process had.
        gpu_memory: Most bytes of a GPU's memory; 0 without one.
        disk: Bytes that it wrote and left.
        error: Why it did not come to its end, in one line; empty if it did.
    """

    seconds: float = 0.0
    parts: list[Part] = field(default_factory=list)
    memory: int = 0
    gpu_memory: int = 0
    disk: int = 0
    error: str = ""


class _Recorder:
    """Keeps the times of all progress."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._known: dict[int, Part] = {}
        self._last: dict[int, tuple[float, int]] = {}

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if id(progress) not in self._known:
            part = self._known[id(progress)] = Part(progress.unit, progress.total, memory=_memory_now())
            self.parts.append(part)
        else:
            before, done = self._last[id(progress)]
            steps = max(progress.done - done, 1)
            self._known[id(progress)].seconds += [(now - before) / steps] * steps
        self._last[id(progress)] = now, progress.done


def measure(call: Callable[[], None], folder: Path, log: Path, limit: float) -> Measured:
    """Call a function in a process of its own.

    The process is a copy of one that has everything imported and has computed nothing (`prepare`).

    Args:
        call: The stage on the sample; picklable.
        folder: Where it writes.
        log: File for what it says.
        limit: Seconds after which it is ended.
    """
    before = size_of(folder)
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(call, theirs, log))
    process.start()
    theirs.close()
    try:
        found: Measured = ours.recv() if ours.poll(max(limit, 0.0)) else Measured(error=TIME_IS_UP)
    except EOFError:
        process.join()
        found = Measured(error=f"its process ended with {process.exitcode}, as it does for lack of memory")
    finally:
        if process.is_alive() and not ours.closed:
            process.join(0.0 if limit <= 0 else PATIENCE)
        if process.is_alive():
            process.terminate()
            process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
    found.disk = size_of(folder) - before
    return found


def prepare(modules: Sequence[str]) -> float:
    """Let a process import modules, of which all others will be copies; return the seconds that it takes."""
    multiprocessing.set_forkserver_preload(list(modules))
    start = time.monotonic()
    process = multiprocessing.get_context("forkserver").Process(target=_nothing)
    process.start()
    process.join()
    return time.monotonic() - start


def starting_seconds(module: str) -> float:
    """Return the seconds in which a process starts and imports a module."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=False)
    return time.monotonic() - start


def _nothing() -> None:
    """Do nothing."""


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder, at any depth."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _work(call: Callable[[], None], connection: Connection, log: Path) -> None:
    """Do the call in the new process, and send what it took."""
    with log.open("a") as handle:
        os.dup2(handle.fileno(), sys.stdout.fileno())
        os.dup2(handle.fileno(), sys.stderr.fileno())
    # loaders of a stage start their processes so; a process of a fork server would start them by another
    multiprocessing.set_start_method("fork", force=True)
    recorder, found = _Recorder(), Measured()
    LISTENERS.append(recorder)
    start = time.monotonic()
    try:
        call()
    except InputError as error:
        found.error = str(error)
    except Exception as error:
        # an estimate goes on with what the other stages take
        found.error = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    found.seconds, found.parts = time.monotonic() - start, recorder.parts
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found.memory = max([1024 * max(usage), *(part.memory for part in found.parts)])
    found.gpu_memory = _gpu_memory()
    connection.send(found)
    connection.close()


def _memory_now() -> int:
    """Return the bytes of memory that this process has."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _gpu_memory() -> int:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.max_memory_reserved())
