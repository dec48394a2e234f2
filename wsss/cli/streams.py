"""Standard output and error, where whoever started the program has closed them, or nobody reads them."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

from wsss.signals import STOPPING, set_handler

STDOUT = "standard output"
"""Its name in messages."""


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
    for output in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(output, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flush_stdout() -> None:
    """Write what is still to be written; after an error nothing more is, so that Python's end does not fail again.

    Raises:
        OSError: If nobody reads it, or the disk behind it is full.
    """
    try:
        sys.stdout.flush()
    except OSError:
        _to_null(1)
        raise


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
