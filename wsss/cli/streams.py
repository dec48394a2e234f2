"""Standard output and error, where whoever started the program has closed them, or nobody reads them."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from wsss.signals import STOPPING, set_handler

STDOUT = "standard output"
"""Its name in messages."""


class OutputFailed(Exception):
    """Standard output takes nothing more.

    Attributes:
        error: Why.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def prepare_streams() -> None:
    """Put /dev/null where a standard stream is closed, and write what an encoding lacks as escapes.

    Otherwise the next file that is opened would take the closed stream's number, and messages of libraries, which
    write to that number, would get into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _to_null(number)
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            # held, as Python holds its own: it would close what lies below
            setattr(sys, f"__{name}__", stream)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Output(
            sys.stdout.buffer, sys.stdout.encoding, "backslashreplace", line_buffering=sys.stdout.line_buffering
        )


class _Output(io.TextIOWrapper):
    """Standard output that tells its own errors from those of files."""

    def write(self, text: str) -> int:
        with _telling():
            return super().write(text)

    def flush(self) -> None:
        with _telling():
            super().flush()


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # nothing more is written, so that Python's end does not fail again
        _to_null(1)
        raise OutputFailed(error) from None


def stop_quietly_at_start() -> None:
    """Let a signal that arrives while the program is loaded end it with one line: nothing has begun yet."""
    for number in STOPPING:
        set_handler(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, b"stopped\n")
    finally:
        os._exit(128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM))


def _to_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
