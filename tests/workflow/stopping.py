"""Tests that stop Snakemake while a stage runs: finding the stage."""

from __future__ import annotations

import psutil

from tests.waiting import wait_until
from tests.workflow.conftest import Project


def wait_for_stage(project: Project, parent: int, stage: str, *, run: str = "my") -> psutil.Process:
    """Wait until a stage has set up all that guards it, which it says in its log."""
    log = project.folder / f"results/{run}/logs/{stage}.log"
    wait_until(lambda: log.is_file() and "making up" in log.read_text())
    found = _watching_stage(parent, stage)
    assert found is not None
    return found


def _watching_stage(parent: int, stage: str) -> psutil.Process | None:
    """The process of the stage."""
    for process in psutil.Process(parent).children(recursive=True):
        try:
            words = process.cmdline()
            if stage in words and "python" in words[0]:
                return process
        except psutil.NoSuchProcess:
            continue
    return None
