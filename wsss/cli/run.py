"""Run the workflow by Snakemake, from any folder."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from wsss.config.parsing import nearest
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
    words, options = _split(arguments)
    if not words and not any(option.split("=")[0] in OWN_CONFIG for option in options):
        raise _without_config(options)
    configs = [config_file(word) for word in words]
    for config in configs:
        if not config.is_file():
            raise InputError(f"{config}: is no file; name a config, or a preset: {', '.join(presets())}")
    if importlib.util.find_spec("snakemake") is None:
        raise InputError("Snakemake is not installed: pip install 'wsss[workflow]'")
    # last, for it takes all that follows but `--`, behind which all are targets
    named = ["--configfile", *map(str, configs)] if configs else []
    end = options.index("--") if "--" in options else len(options)
    return [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), *options[:end], *named, *options[end:]]


def config_file(name: str | Path) -> Path:
    """Return the path of a config that is named by its path, or as a preset.

    Raises:
        InputError: If there is neither, naming the preset that may be meant.
    """
    path = config_path(name)
    if path.exists():
        return path
    raise InputError(f"{path}: no such config; correct the path, or name a preset{nearest(path.stem, list(presets()))}")


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the names of configs, which come first, from what is Snakemake's."""
    count = 0
    for word in arguments:
        if not _is_config(word):
            break
        count += 1
    return list(arguments[:count]), list(arguments[count:])


def _is_config(word: str) -> bool:
    return not word.startswith("-") and (word.lower().endswith(CONFIGS) or word in presets())


def _without_config(options: Sequence[str]) -> InputError:
    """Say what is wrong with a call that begins with no config."""
    later = next(filter(_is_config, options), None)
    if later is not None:
        rest = [word for word in options if word != later]
        return InputError(f"name the config first: `wsss run {shlex.join([later, *rest])}`")
    if options and not options[0].startswith("-"):
        meant = nearest(options[0], list(presets()))
        return InputError(f"`{options[0]}` is neither a config (.yaml, .yml, .json) nor a preset{meant}")
    return InputError(
        f"name a config: `wsss run my.yaml`, which `wsss init PHOTOS` writes; presets: {', '.join(presets())}"
    )
