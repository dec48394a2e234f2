"""End a stage with the workflow that started it: a killed Snakemake leaves its children running.

A Snakemake that is asked to stop waits for its jobs without telling them, for hours where one trains; so it passes on
what it is asked.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from types import FrameType
from typing import Any

import psutil

from wsss.signals import STOPPING, is_ignored

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


def pass_on_signals() -> None:
    """Let this process, a workflow's, tell its stages to stop when it is told so itself.

    The workflow's own handlers run as well; SIGHUP, for which Snakemake has none, acts like SIGTERM, so that Snakemake
    ends in order and leaves no lock. Signals that are ignored stay so.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    on_term = signal.getsignal(signal.SIGTERM)
    for number in STOPPING:
        own: Any = on_term if number == signal.SIGHUP else signal.getsignal(number)
        if not is_ignored(number) and callable(own):
            signal.signal(number, _PassOn(own))


class _PassOn:
    """A handler that stops the stages of this process, those too that are just starting, and calls another."""

    def __init__(self, own: Callable[[int, FrameType | None], Any]) -> None:
        self._own = own

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # in a thread: the workflow may wait in its own handler, and a shell may not have started its stage yet
        threading.Thread(target=_stop_stages, name="stop", daemon=True).start()
        self._own(number, frame)


def _stop_stages() -> None:
    """Send SIGTERM to every stage of this process, once, until this process ends."""
    told: set[psutil.Process] = set()
    while True:
        for stage in stages_of(os.getpid()):
            if stage not in told:
                told.add(stage)
                with suppress(psutil.NoSuchProcess):
                    stage.terminate()
        time.sleep(POLL_SECONDS)


def stages_of(pid: int) -> list[psutil.Process]:
    """List the running stages that were told to watch a process; their workers are left out."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = {child.pid: child for child in children if _watches(child, pid)}
    # a forked worker has the command line of its stage
    return [stage for stage in found.values() if _parent_of(stage) not in found]


def _watches(process: psutil.Process, pid: int) -> bool:
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(pair == ("--parent", str(pid)) for pair in pairwise(words))


def _parent_of(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return 0
