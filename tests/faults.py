"""Disks that fill up or fail, as the one function through which all outputs are written meets them."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wsss import disk

ERRORS = {"full": errno.ENOSPC, "failing": errno.EIO, "forbidden": errno.EACCES}
HARMLESS = ("short", "slow")
WORDS = {"full": "the disk is full", "failing": "the disk reports an error", "forbidden": "permission denied"}
"""Kind of error -> what the one line says."""


CALLS = ("open", "mkdir", "ftruncate", "fsync", "replace", "symlink")
"""Calls of the system, beside writes, by which files are made, flushed and named."""


class Disk:
    """Counts the writes, and lets those from `fails_at` on meet a fault.

    Attributes:
        writes: Their number so far.
        firsts: Numbers of those that were the first of a file.
    """

    def __init__(self, kind: str = "", fails_at: int = 0) -> None:
        self.kind, self.fails_at, self.writes = kind, fails_at, 0
        self.firsts: list[int] = []
        self._files: set[int] = set()

    def write(self, handle: int, content: memoryview, place: int) -> int:
        self.writes += 1
        file = os.fstat(handle).st_ino
        if file not in self._files:
            self._files.add(file)
            self.firsts.append(self.writes)
        if self.kind and self.writes >= self.fails_at:
            if self.kind in ERRORS:
                raise OSError(ERRORS[self.kind], os.strerror(ERRORS[self.kind]))
            if self.kind == "slow":
                time.sleep(0.001)
            elif len(content) > 1:
                content = content[: len(content) // 2]
        return os.pwrite(handle, content, place)


@contextmanager
def disk_that(kind: str = "", fails_at: int = 1) -> Iterator[Disk]:
    """Put a faulty disk under everything that this process writes."""
    found = Disk(kind, fails_at)
    with pytest.MonkeyPatch.context() as patch:
        for module in [module for name, module in sys.modules.items() if name.startswith("wsss")]:
            if getattr(module, "write_some", None) is disk.write_some:
                patch.setattr(module, "write_some", found.write)
        yield found


class Calls:
    """Counts the calls of the system, but writes, that concern a folder, and lets those from `fails_at` on fail.

    Attributes:
        names: Of the calls so far.
    """

    def __init__(self, folder: Path, kind: str = "", fails_at: int = 0) -> None:
        self.folder, self.kind, self.fails_at = folder, kind, fails_at
        self.names: list[str] = []

    def shim(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return what stands in place of a function of `os`."""

        def call(first: Any, *more: Any, **named: Any) -> Any:
            if self._concerns(name, first, more):
                self.names.append(name)
                if self.kind and len(self.names) >= self.fails_at:
                    number = ERRORS[self.kind]
                    raise OSError(number, os.strerror(number), *([] if isinstance(first, int) else [str(first)]))
            return real(first, *more, **named)

        return call

    def _concerns(self, name: str, first: Any, more: tuple[Any, ...]) -> bool:
        if isinstance(first, int):
            return True
        made = more[0] if name == "symlink" else first
        reads = name == "open" and not more[0] & os.O_CREAT
        return not reads and Path(os.fsdecode(made)).is_relative_to(self.folder)


@contextmanager
def calls_that(folder: Path, kind: str = "", fails_at: int = 1) -> Iterator[Calls]:
    """Put shims in place of the functions of `os` that make, flush and name files."""
    found = Calls(folder, kind, fails_at)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, found.shim(name, getattr(os, name)))
        yield found


@dataclass
class Tried:
    """How a stage met its faults.

    Attributes:
        writes: Its writes.
        calls: Its other calls, by name.
        at_writes: Errors that its writes met.
        at_calls: Errors that its other calls met.
        one_line: Errors that ended in one line.
        equal: Errors after which the same stage went on to the same content.
    """

    writes: int
    calls: Counter[str]
    at_writes: int = 0
    at_calls: int = 0
    one_line: int = 0
    equal: int = 0


TRIED: dict[str, Tried] = {}
"""By stage."""


def table() -> str:
    """The table of the stages so far, in Markdown."""
    names = ("stage", "writes", "errors at writes", "other calls", "errors at them", "one line", "went on, equal")
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for stage, tried in TRIED.items():
        calls = ", ".join(f"{count} {name}" for name, count in tried.calls.items())
        cells = (stage, tried.writes, tried.at_writes, calls, tried.at_calls, tried.one_line, tried.equal)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    sums = [sum(getattr(tried, name) for tried in TRIED.values()) for name in ("writes", "at_writes", "at_calls")]
    sums += [sum(getattr(tried, name) for tried in TRIED.values()) for name in ("one_line", "equal")]
    sums.insert(2, sum(tried.calls.total() for tried in TRIED.values()))
    return "\n".join([*lines, "| all | " + " | ".join(map(str, sums)) + " |"])


def tree(folder: Path) -> set[str]:
    """All files below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def limited(*arguments: str | Path, size: int, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program where no file may get longer than `size` bytes: the system's own calls fail, also those of C."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    program = "from wsss.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, preexec_fn=limit)
