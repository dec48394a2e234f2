"""Check a config before anything runs: its settings, its names, and the files that it needs."""

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
        values: The content of the config.
        source: The config file, for messages. Its stem names the run if the config does not.

    Raises:
        InputError: In one line, for a wrong setting, or a missing file or folder.
    """
    try:
        plan = Plan(load_config({**values, "run": values.get("run") or source.stem}))
        problem = missing_source(plan)
    except InputError as error:
        problem = str(error)
    if problem:
        raise InputError(f"{source}: {problem}")
    return plan
