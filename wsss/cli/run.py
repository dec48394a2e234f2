"""Run the workflow by Snakemake, from any folder."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from wsss.errors import InputError
from wsss.workflow import SNAKEFILE, config_path, presets

CONFIGS = (".yaml", ".yml", ".json")
OWN_CONFIG = ("--configfile", "--configfiles")


def run_workflow(arguments: Sequence[str]) -> NoReturn:
    """Become Snakemake on the workflow of the package.

    Args:
        arguments: Configs (paths, or names of presets), later ones laid over earlier, then options and targets of
            Snakemake.

    Raises:
        InputError: If no config is named, one is not there, or Snakemake is not installed.
    """
    command = snakemake_command(arguments)
    sys.stdout.flush()
    os.execv(command[0], command)


def snakemake_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of `run_workflow`; see there."""
    configs, options = _split(arguments)
    if not configs and not any(option.split("=")[0] in OWN_CONFIG for option in options):
        raise InputError(
            f"name a config: `wsss run my.yaml`, which `wsss init PHOTOS` writes; presets: {', '.join(presets())}"
        )
    for config in configs:
        if not config.is_file():
            raise InputError(f"{config}: no such config; correct the path, or name a preset: {', '.join(presets())}")
    if importlib.util.find_spec("snakemake") is None:
        raise InputError("Snakemake is not installed: pip install 'wsss[workflow]'")
    # last, for it takes all that follows
    named = ["--configfile", *map(str, configs)] if configs else []
    return [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *options, *named]


def _split(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Split the configs, which come first, from what is Snakemake's."""
    known = presets()
    count = 0
    for word in arguments:
        if word.startswith("-") or not (word.endswith(CONFIGS) or word in known):
            break
        count += 1
    return [config_path(word) for word in arguments[:count]], list(arguments[count:])
