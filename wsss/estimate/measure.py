"""Run one stage on the sample in a process of its own, and see what it takes."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from wsss.errors import InputError
from wsss.estimate.processes import Watched, processor_seconds, rollup
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
        processor: Seconds of the processor of each item, in all processes of the stage.
        memory: Bytes of memory that the process had at the beginning.
        began: Time of the beginning, by `time.monotonic`.
    """

    unit: str
    total: int
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: int = 0
    began: float = 0.0


@dataclass
class Measured:
    """What a stage took on the sample.

    Attributes:
        seconds: In all, from the call of its function.
        processor: Seconds of the processor in all.
        parts: What it did item by item.
        memory: Most bytes of memory that its process had.
        beside: Most bytes of memory that processes which it started had, and it had not.
        inherited: Bytes of memory that its process had of what was imported before, and of files.
        gpu_memory: Most bytes of a GPU's memory; 0 without one.
        disk: Bytes that it wrote and left.
        error: Why it did not come to its end, in one line; empty if it did.
    """

    seconds: float = 0.0
    processor: float = 0.0
    parts: list[Part] = field(default_factory=list)
    memory: int = 0
    beside: int = 0
    inherited: int = 0
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
            part = self._known[id(progress)] = Part(progress.unit, progress.total, memory=_memory_now(), began=now)
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
        found = _watch(process.pid or 0, ours, limit)
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


def _watch(pid: int, ours: Connection, limit: float) -> Measured:
    """Look at a process and those that it starts until it says what it found, or the time is up."""
    start, watched = time.monotonic(), Watched()
    while not ours.poll(wait := min(watched.look(pid), max(start + limit - time.monotonic(), 0.0))):
        if not wait:
            return Measured(error=TIME_IS_UP)
    found: Measured = ours.recv()
    # what the process had between two looks, only the kernel knows
    found.memory, found.beside = max(found.memory, watched.main), watched.beside
    found.inherited += watched.files
    watched.add(time.monotonic(), found.processor)
    for part in found.parts:
        ends = [part.began, *(part.began + seconds for seconds in accumulate(part.seconds))]
        taken = watched.processor_at(ends)
        part.processor = [after - before for before, after in pairwise(taken)]
    return found


@dataclass(frozen=True)
class Start:
    """What it takes until a stage begins: a process, and what it imports.

    Attributes:
        seconds: Of the clock.
        processor: Of the processor.
        memory: Bytes of memory.
        own: Bytes of them that are of no file, such as a library that other processes use too.
    """

    seconds: float = 0.0
    processor: float = 0.0
    memory: int = 0
    own: int = 0


def prepare(modules: Sequence[str]) -> Start:
    """Let a process import modules, of which all others will be copies, and say what that takes."""
    multiprocessing.set_forkserver_preload(list(modules))
    start = time.monotonic()
    process = multiprocessing.get_context("forkserver").Process(target=_nothing)
    process.start()
    process.join()
    seconds = time.monotonic() - start
    try:
        server = next(child for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline()))
        return Start(seconds, processor_seconds(server), *_memory_after(rollup(server.pid)))
    except (psutil.Error, StopIteration):
        return Start(seconds)


def starting(module: str) -> Start:
    """Say what it takes to start a process and import a module."""
    code = f"import os, sys, {module}; print(sum(os.times()[:2]), flush=True); sys.stdin.read()"
    start, pipe = time.monotonic(), subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        said, seconds, found = process.stdout.readline(), time.monotonic() - start, rollup(process.pid)
        process.communicate()
    return Start(seconds, float(said or 0.0), *_memory_after(found))


def _memory_after(found: Mapping[str, int] | None) -> tuple[int, int]:
    return (0, 0) if found is None else (found["Rss"], found["Anonymous"])


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
    recorder, found, before = _Recorder(), Measured(), rollup(os.getpid())
    found.inherited = 0 if before is None else before["Anonymous"]
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
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found.memory = max([1024 * usage, *(part.memory for part in found.parts)])
    found.processor = sum(os.times()[:4])
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
