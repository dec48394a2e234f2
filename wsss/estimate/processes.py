"""What a process and those that it has started take: memory, no page counted twice, and time of the processor."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

KB = 1024
LEAST_WAIT, LONGEST_WAIT, PATIENCE = 0.1, 2.0, 20
"""Seconds between two looks: at least, at most, and how many times as long as a look takes."""


@dataclass(frozen=True)
class Memory:
    """Bytes of memory of a process and those that it has started.

    Attributes:
        main: What the process has, libraries and shared pages included.
        beside: What the others have that it has not.
        files: What the process has of files, its libraries above all.
    """

    main: int
    beside: int
    files: int = 0


@dataclass
class Watched:
    """What was seen of a process, look by look.

    Attributes:
        main: Most bytes of the process.
        beside: Most bytes of the others beside it.
        files: Most bytes that the process had of files.
        times: When it was looked at, by `time.monotonic`.
        processor: Seconds of the processor that it and the others had taken by then.
    """

    main: int = 0
    beside: int = 0
    files: int = 0
    times: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def look(self, pid: int) -> float:
        """Look once; nothing is seen of a process that has ended. Return the seconds to wait until the next look."""
        start = time.monotonic()
        try:
            process = psutil.Process(pid)
            memory, seconds = memory_of(process), processor_seconds(process)
        except psutil.Error:
            return LEAST_WAIT
        self.main, self.beside = max(self.main, memory.main), max(self.beside, memory.beside)
        self.files = max(self.files, memory.files)
        self.add(start, seconds)
        return min(max(LEAST_WAIT, PATIENCE * (time.monotonic() - start)), LONGEST_WAIT)

    def add(self, when: float, seconds: float) -> None:
        """Keep the seconds of the processor at a time; those of processes that have just ended may be missing."""
        self.times.append(when)
        self.processor.append(max(seconds, self.processor[-1] if self.processor else 0.0))

    def processor_at(self, moments: list[float]) -> list[float]:
        """Return the seconds of the processor at moments between the looks."""
        return [float(value) for value in np.interp(moments, self.times, self.processor)] if self.times else []


def memory_of(process: psutil.Process) -> Memory:
    """Return the memory of a process and those that it has started.

    Pages of a fork are shared until one side writes to them. The kernel gives each process its share of them (PSS), so
    that the sum over all who share counts a page once. The parent may share pages too, where it is a fork server: its
    share is added, and its own pages are not. Where the system has no shares, the others count what is theirs alone.

    Raises:
        psutil.Error: If the process has ended.
    """
    others = process.children(recursive=True)
    main, parent = rollup(process.pid), rollup(process.ppid())
    if main is None:
        return Memory(process.memory_info().rss, sum(_own(other) for other in others))
    shares = [found for other in others if (found := rollup(other.pid)) is not None]
    together = sum(found["Pss_Anon"] for found in (main, *shares))
    together += 0 if parent is None else max(0, parent["Pss_Anon"] - parent["Private_Dirty"])
    passed_on = sum(found["Pss_Shmem"] for found in shares)
    return Memory(main["Rss"], max(0, together - main["Anonymous"]) + passed_on, files_of(main))


def files_of(found: Mapping[str, int]) -> int:
    """Return the bytes of files in the sums over a process's memory; what it passes on to others counts as none."""
    return max(0, found["Rss"] - found["Anonymous"] - found["Pss_Shmem"])


def rollup(pid: int) -> Mapping[str, int] | None:
    """Return the sums over a process's memory, in bytes; None where the system or the process has none."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return None
    found = {name: KB * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    # kernels before 5.9 do not tell what the shares are of
    return found if "Pss_Anon" in found else None


def processor_seconds(process: psutil.Process) -> float:
    """Return the seconds of the processor that a process and those that it has started have taken, ended ones too.

    Raises:
        psutil.Error: If the process has ended.
    """
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            if one is process:
                raise
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _own(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0
