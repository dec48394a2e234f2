"""Disks that fill up or fail, as the one function through which all outputs are written meets them."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wsss import disk

ERRORS = {"full": errno.ENOSPC, "failing": errno.EIO, "forbidden": errno.EACCES}
KINDS = (*ERRORS, "short", "slow")
WORDS = {"full": "the disk is full", "failing": "the disk reports an error", "forbidden": "permission denied"}
"""Kind of error -> what the one line says."""


class Disk:
    """Counts the writes, and lets those from `fails_at` on meet a fault."""

    def __init__(self, kind: str = "", fails_at: int = 0) -> None:
        self.kind, self.fails_at, self.writes = kind, fails_at, 0

    def write(self, handle: int, content: memoryview, place: int) -> int:
        self.writes += 1
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
