"""A config checked as far as that goes before anything runs: its settings, its names, and the files that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsss.config import load_config
from wsss.errors import InputError
from wsss.plan.plan import Plan
from wsss.plan.sources import missing_source


def checked_plan(values: Mapping[str, Any], source: Path) -> Plan:
    """Check a config and return its plan.

    Args:
        values: What the config says.
        source: The file that says it, for messages; the run has its stem as its name where the config gives none.

    Raises:
        InputError: In one line, for a wrong setting or a file or folder that is not there.
    """
    try:
        plan = Plan(load_config({**values, "run": values.get("run") or source.stem}))
        problem = missing_source(plan)
    except InputError as error:
        problem = str(error)
    if problem:
        raise InputError(f"{source}: {problem}")
    return plan
