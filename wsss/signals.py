"""Handlers of signals. A signal that is ignored stays ignored: `nohup` and a shell's `&` promise it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""Signals that ask a program to stop: of `kill`, of a terminal that was closed, of Ctrl-C."""
Handler = Callable[[int, FrameType | None], None]


def is_ignored(number: int) -> bool:
    """Return whether this process ignores a signal, as it does where who started it said so."""
    return signal.getsignal(number) is signal.SIG_IGN


def set_handler(number: int, handler: Handler) -> Any:
    """Set the handler of a signal, unless it is ignored.

    Outside the main thread, where handlers cannot be set, all stays as it is.

    Returns:
        The handler before; None where nothing was set.
    """
    if is_ignored(number) or threading.current_thread() is not threading.main_thread():
        return None
    before = signal.signal(number, handler)
    # None: set by a library in C, which Python can neither call nor set again
    return signal.SIG_DFL if before is None else before


@contextmanager
def handling(numbers: Iterable[int], handler: Handler) -> Iterator[None]:
    """Handle signals within the block, but those that are ignored."""
    before: dict[int, Any] = {}
    try:
        for number in numbers:
            found = set_handler(number, handler)
            if found is not None:
                before[number] = found
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)


@contextmanager
def held() -> Iterator[None]:
    """Let signals that ask to stop wait for the end of the block; the last one comes then.

    For blocks, and as a decorator for functions, in which a library in C calls back: an exception of a handler would
    come up inside the library, which knows no interruption (HDF5 takes it for a write that failed).
    """
    arrived: list[int] = []
    try:
        with handling(STOPPING, lambda number, frame: arrived.append(number)):
            yield
    finally:
        if arrived:
            signal.raise_signal(arrived[-1])


def leave_stopping_to_parent() -> None:
    """Ignore Ctrl-C and hang-up in a worker process: they reach its parent too, which stops it in its turn."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
