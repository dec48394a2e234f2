"""Going on after a kill: the record of a training, its state file, and requests to stop.

On a CPU, the weights after a resumed training equal those of an uninterrupted one bit for bit. Everything that a
step uses is either in the state file (weights, statistics, optimiser, scaler) or a function of seed and step (the
batch, its augmentation, the learning rate, and the random numbers of the step, which are seeded anew for each).
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch

from wsss.signals import STOPPING, is_ignored
from wsss.training.files import read_torch, write_torch

logger = logging.getLogger(__name__)
STATE_FILE = "training.pt"
_STEP = 3  # tells these random numbers from those of order and augmentation


@dataclass
class Record:
    """The progress of a training and its measurements on the way.

    Attributes:
        step: Steps done.
        seconds: Time spent in them, validation and start-up left out.
        rows: Lines of the curves, one per logged step or validation.
        sums: Sum of every loss since the last line.
        summed: How many steps each of these sums holds: not every phase has every loss.
        validated: Step of the last validation, -1 when there was none.
        validation: The numbers that it gave.
        epochs: Numbers of every epoch, where the training has any beside its losses.
        timings: Seconds that parts of the training took, and how many steps these had, by name.
        peak_memory: Most bytes of a GPU that the first process held at once; 0 without a GPU.
    """

    step: int = 0
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    summed: dict[str, float] = field(default_factory=dict)
    validated: int = -1
    validation: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    peak_memory: int = 0


def save_state(folder: Path, record: Record, state: dict[str, Any]) -> None:
    """Write record, weights and optimiser as one file, whole or not at all."""
    write_torch(folder / STATE_FILE, {"record": asdict(record), **state})


def load_state(folder: Path) -> tuple[Record, dict[str, Any]]:
    """Read the last saved state; return a fresh record and an empty state where there is none to read."""
    path = folder / STATE_FILE
    if not path.is_file():
        return Record(), {}
    try:
        state = read_torch(path)
        return Record(**state.pop("record")), state
    except Exception as error:  # after any error, training from the start is right
        logger.warning("%s cannot be read (%s): training starts from the beginning", path, type(error).__name__)
        return Record(), {}


def seed_step(seed: int, step: int, rank: int = 0, part: int = 0) -> None:
    """Seed the global random numbers (dropout) of one step, or a later part of it, so that nothing before matters."""
    entropy = [_STEP, seed, step, rank, *([part] if part else [])]
    value = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    random.seed(value)
    torch.manual_seed(value % 2**63)


class StopRequest:
    """While the block runs, SIGTERM, SIGHUP and Ctrl-C only set `requested`; a second Ctrl-C stops at once.

    Signals that are ignored stay so. Outside the main thread, where handlers cannot be set, signals act as they always
    do.
    """

    def __init__(self) -> None:
        self.requested = ""
        self._before: dict[int, Any] = {}
        # asked now: libraries put their own handlers over those that ignore
        self._ignored = {number for number in STOPPING if is_ignored(number)}
        self._interrupts = 0

    def __enter__(self) -> StopRequest:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def install(self) -> None:
        """Set the handlers, or set them again where a library has put its own over them."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in STOPPING:
            before = signal.signal(number, signal.SIG_IGN if number in self._ignored else self._handle)
            self._before.setdefault(number, signal.SIG_DFL if before is None else before)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_before": {}}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            raise KeyboardInterrupt
        # the first one counts: after Ctrl-C, the workflow's SIGTERM follows
        self.requested = self.requested or signal.Signals(number).name
        for child in multiprocessing.active_children():
            # processes that train along must save and stop too; loader processes are daemons and serve to the end
            if child.pid is not None and not child.daemon:
                os.kill(child.pid, signal.SIGTERM)
