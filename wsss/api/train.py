"""Run the whole pipeline from Python: `wsss.train(config)`."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import yaml

from wsss.api.run import Run
from wsss.cli.run import config_file, snakemake_command
from wsss.config.files import read_configs
from wsss.errors import InputError
from wsss.files import write_text
from wsss.plan import checked_plan

logger = logging.getLogger(__name__)
GIVEN = "the settings"
"""What errors call a config that is no file."""


def train(config: str | Path | Mapping[str, Any], *, cores: int | str = "all", options: Sequence[str] = ()) -> Run:
    """Run every stage that a config leads to and that is not done yet, as `wsss run` does.

    Results lie below `results/RUN/` in the working directory, paths in the config count from there. What Snakemake and
    the stages say goes to the logger `wsss.api.train`; `logging.basicConfig(level="INFO")` shows it. A run that was
    stopped goes on by the same call.

    Examples:
        >>> import wsss
        >>> run = wsss.train("demo.yaml")
        >>> run
        Run('results/demo')

    Args:
        config: A YAML file, the name of a preset such as `demo`, or what a file holds; then `run` names the run.
        cores: Processor cores to use, or `all`.
        options: Further options and targets of Snakemake, such as `["--forcerun", "cams"]`.

    Raises:
        InputError: In one line, if the config is wrong, a stage fails, or Snakemake is not installed.
    """
    given = isinstance(config, Mapping)
    with tempfile.TemporaryDirectory(prefix="wsss-") if given else nullcontext("") as folder:
        if isinstance(config, Mapping):
            values = {**config, "run": config.get("run") or "run"}
            plan = checked_plan(values, GIVEN)
            path = Path(folder, "run.yaml")
            write_text(path, yaml.safe_dump(values))
        else:
            path = config_file(config)
            plan = checked_plan(read_configs([path]), path)
        _run(snakemake_command(["--cores", str(cores), *options, "--configfile", str(path)]), path if given else None)
    return Run(plan.root)


def _run(command: Sequence[str], own: Path | None) -> None:
    """Run Snakemake; what it says is logged, and what a stage says is wrong is the error.

    Args:
        own: A config that nobody but this module knows; errors name the settings in its place.

    Raises:
        InputError: With the first line of a stage, or of the check of the config, that names an error.
    """
    problem, last = "", ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            for line in map(str.rstrip, process.stdout):
                logger.info("%s", line)
                problem = problem or (line.removeprefix("error: ") if line.startswith("error: ") else "")
                last = line or last
        except BaseException:
            # Ctrl-C in a notebook reaches this process alone
            process.terminate()
            raise
    if process.returncode:
        if own is not None:
            # Snakemake names what lies below the working directory from there
            problem = problem.replace(str(own), GIVEN).replace(os.path.relpath(own), GIVEN)
        raise InputError(problem or f"snakemake ended with exit code {process.returncode}: {last}")
