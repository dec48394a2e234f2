"""Load the settings of a run from YAML files or a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsss.config.files import read_configs
from wsss.config.parsing import parse_settings
from wsss.config.run import Config


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
    if not values.get("run"):
        values["run"] = paths[-1].stem
    return parse_settings(Config, values, source=str(paths[-1]))
