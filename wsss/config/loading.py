"""Load the settings of a run from YAML files or a mapping."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsss.config.files import read_configs
from wsss.config.parsing import parse_settings
from wsss.config.run import RUN, Config
from wsss.errors import InputError


def load_config(path_or_mapping: str | Path | Mapping[str, Any], *later: Path) -> Config:
    """Load and check the settings of a run.

    Args:
        path_or_mapping: A YAML file, or what such a file holds. From a file, `run` defaults to its stem.
        later: Files laid over it, each over those before it; the last one then gives its stem.

    Raises:
        InputError: In one line: the file, the key, what is wrong, and the nearest valid key.
    """
    if isinstance(path_or_mapping, Mapping):
        return parse_settings(Config, path_or_mapping)
    paths = [Path(path_or_mapping), *later]
    values = read_configs(paths)
    try:
        values["run"] = run_of(values, paths[-1])
    except InputError as error:
        raise InputError(f"{paths[-1]}: {error}") from None
    return parse_settings(Config, values, source=str(paths[-1]))


def run_of(values: Mapping[str, Any], path: Path) -> Any:
    """Return the name of the run that a config gives, else its file.

    Raises:
        InputError: If it gives none, and the name of the file cannot be one.
    """
    if given := values.get("run"):
        return given
    if not re.fullmatch(RUN, path.stem):
        raise InputError(
            f"results cannot lie in a folder called `{path.stem}` (letters, digits, `_`, `.` and `-` are taken); "
            f"add `run: {run_name(path.stem)}`, or rename the file"
        )
    return path.stem


def run_name(text: str) -> str:
    """Return a name for the results that Snakemake and file systems take."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:60] or "photos"
