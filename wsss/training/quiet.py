"""Silence for Lightning's notes; its errors are exceptions and come through."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = (
    "lightning.pytorch",
    "lightning.fabric",
    "lightning.pytorch.utilities.rank_zero",
    "lightning.fabric.utilities.rank_zero",
    "torch.multiprocessing.spawn",
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Let Lightning log errors only, and drop its warnings, within the block."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [log.level for log in loggers]
    try:
        with warnings.catch_warnings():
            _silence()
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)


def set_up_worker_logs() -> None:
    """Silence Lightning in a fresh process that trains along, and send our own lines to stderr."""
    _silence()
    if not logging.getLogger().hasHandlers():
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")


def _silence() -> None:
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", module=r"torchmetrics\..*")
