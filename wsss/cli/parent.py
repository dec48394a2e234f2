"""End a stage with the workflow that started it: a killed Snakemake leaves its children running."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

import psutil

POLL_SECONDS = 0.5
GRACE_SECONDS = 20.0
"""Seconds from asking the stage to stop, so that it saves its state, to ending it by force."""

logger = logging.getLogger(__name__)


def end_with(pid: int) -> None:
    """Watch a process and this process's parent; end this process when either is gone.

    Args:
        pid: The workflow's process. 1 and below (outside of a container) cannot be watched and are skipped.
    """
    if pid <= 1:
        return
    watched = [_identity(pid), _identity(os.getppid())]
    threading.Thread(target=_watch, args=(watched,), name="parent", daemon=True).start()


def _identity(pid: int) -> psutil.Process | None:
    """Return the process with this number; it remembers its start, so a reused number is not mistaken for it."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _is_gone(process: psutil.Process | None) -> bool:
    try:
        return process is None or not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _watch(watched: list[psutil.Process | None]) -> None:
    while not any(_is_gone(process) for process in watched):
        time.sleep(POLL_SECONDS)
    logger.warning("the process that started this stage is gone: stopping")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(128 + signal.SIGTERM)
