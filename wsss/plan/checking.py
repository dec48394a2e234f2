"""Check a config before anything runs: its settings, its names, and the files that it needs."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsss.config import Training, load_config
from wsss.config.backbone_names import KNOWN
from wsss.config.files import read_yaml
from wsss.config.loading import run_of
from wsss.errors import InputError
from wsss.pipeline.stages import STAGES
from wsss.plan.plan import Plan
from wsss.plan.sources import missing_source

LOGGER_EXTRAS = {"tensorboard": "logs", "wandb": "wandb", "mlflow": "mlflow"}
"""Loggers that need a package of their own name, and the extra that installs it."""


def checked_plan(values: Mapping[str, Any], source: str | Path, files: Sequence[Path] = ()) -> Plan:
    """Check a config and return its plan.

    Args:
        values: The content of the config.
        source: The config file, for messages: its stem names the run if the config does not. Words where it has none.
        files: Files that another program has read the values from. They are read again, for what YAML drops in silence.

    Raises:
        InputError: In one line, for a wrong setting, a key that a file has twice, or a missing file or folder.
    """
    for path in files:
        read_yaml(path)
    try:
        plan = Plan(load_config({**values, "run": run_of(values, Path(source))}))
        problem = (
            missing_source(plan)
            or _problem_of_trainings(plan)
            or _problem_of_loggers(plan)
            or problem_of_nodes(plan.config.runtime.nodes)
        )
    except InputError as error:
        problem = str(error)
    if problem:
        raise InputError(f"{source}: {problem}")
    return plan


def _problem_of_trainings(plan: Plan) -> str | None:
    """Say in one line which training cannot start, the first one, as far as settings tell; None if all can."""
    runtime = plan.config.runtime
    for artifact in (artifact for stage in STAGES for artifact in plan.wanted(stage)):
        settings = plan.settings(artifact)
        if not isinstance(settings, Training):
            continue
        if problem := settings.problem_with(runtime.devices * runtime.nodes):
            return problem
        if settings.backbone.weights != "auto":
            continue
        known = KNOWN.get(settings.backbone.name)
        if known is None or known.has_weights or settings.starts_from_classifier(settings.model_dump()):
            continue
        return (
            f"`{artifact.stage}.backbone.weights` is `auto`, but no package has the weights of "
            f"{settings.backbone.name}; give the path of the published file, or `none`"
        )
    return None


def _problem_of_loggers(plan: Plan) -> str | None:
    """Say in one line which logger is not installed, the first one; None if all are."""
    for name in plan.config.runtime.loggers:
        if name in LOGGER_EXTRAS and importlib.util.find_spec(name) is None:
            return f"runtime.loggers: {name} is not installed: pip install 'wsss[{LOGGER_EXTRAS[name]}]'"
        if name == "mlflow" and not os.environ.get("MLFLOW_TRACKING_URI"):
            return "runtime.loggers: mlflow needs the address of a server in the variable MLFLOW_TRACKING_URI"
    return None


def problem_of_nodes(nodes: int, *, on_cluster: bool = True) -> str | None:
    """Say in one line why trainings cannot have so many nodes; None if they can, as far as this machine tells.

    Args:
        nodes: How many each is to have.
        on_cluster: Whether jobs are submitted to a cluster; else they need nodes that this process has been given.
    """
    if nodes == 1:
        return None
    what = f"runtime.nodes is {nodes}, but"
    if shutil.which("srun") is None:
        return f"{what} this machine has no SLURM (no srun) to start a training on several nodes; set it to 1"
    given = os.environ.get("SLURM_JOB_NUM_NODES", "1")
    if not on_cluster and (not given.isdecimal() or int(given) < nodes):
        return f"{what} jobs run on this machine alone; set it to 1, or add --workflow-profile profiles/slurm"
    return None
