"""Show progress: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0

LISTENERS: list[Callable[[Progress], None]] = []
"""Called when a job begins, and after each advance; for what measures jobs (`wsss.estimate`)."""

logger = logging.getLogger("wsss.progress")


class Progress:
    """Counts the steps of one job, and shows how many are done and how much time is left.

    Args:
        description: Name of the job, e.g. `cams`.
        total: Number of steps.
        done: Steps that an earlier, interrupted run has done.
        unit: Name of the steps, in the plural.

    Attributes:
        done: Steps that are done.
    """

    def __init__(self, description: str, total: int, *, done: int = 0, unit: str = "images") -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = self._first = done
        self._start = self._last = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
            self._task = self._bar.add_task(self.description, total=self.total, completed=self.done, note="")
            self._bar.start()
        self._tell()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:
            seconds = time.monotonic() - self._start
            logger.info("%s: %d %s in %s", self.description, self.done, self.unit, format_seconds(seconds))

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count steps; `note` adds a detail, e.g. the loss."""
        self.done += steps
        self._tell()
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, note=note)
            return
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES and self.done < self.total:
            self._last = now
            rate = (now - self._start) / max(self.done - self._first, 1)
            left = format_seconds(rate * (self.total - self.done))
            text = f"{self.description}: {self.done} of {self.total} {self.unit}, about {left} left"
            logger.info(f"{text}; {note}" if note else text)

    def _tell(self) -> None:
        for listener in LISTENERS:
            listener(self)


def track(items: Iterable[T], description: str, total: int, *, unit: str = "images") -> Iterator[T]:
    """Yield the items while showing progress."""
    with Progress(description, total, unit=unit) as progress:
        for item in items:
            yield item
            progress.advance()


def format_seconds(seconds: float) -> str:
    """Write seconds for people: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
