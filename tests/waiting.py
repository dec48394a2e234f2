"""Waiting in tests: for what is to happen, not for seconds, of which a busy machine takes any number."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

PATIENCE_SECONDS = 240
"""Keeps a test from hanging; far more than anything takes that happens at all."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for a condition.

    Args:
        condition: Is asked again and again until its answer is true.

    Raises:
        AssertionError: If that takes longer than anything may take.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s in vain"
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    """Return whether a process still runs; one that has ended and that nobody has asked about does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
