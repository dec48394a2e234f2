"""Read config files and lay one over another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.system_errors import said_of


def read_configs(paths: Sequence[Path]) -> dict[str, Any]:
    """Read config files, unchecked, each laid over those before it; errors are those of `read_yaml`."""
    values: dict[str, Any] = {}
    for path in paths:
        values = deep_merge(values, read_yaml(path))
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a config file, unchecked.

    Raises:
        InputError: If it is missing, not valid YAML (with the line), empty, or holds no `key: value`.
    """
    check_regular(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such config file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read as a config ({said_of(error)}); correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply to be a config; flatten it") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path} line {mark.line + 1}" if mark is not None else str(path)
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(
            f"{where}: not valid YAML ({what}); correct brackets, quotes or indentation (blanks, no tabs) up to there"
        ) from None
    except ValueError as error:  # a value that has the form of a date or a number, and is none
        raise InputError(f"{path}: holds a value that is none ({error}); put it into quotes, or correct it") from None
    if values is None:
        raise InputError(f"{path}: holds no settings; say which data, e.g. `data: {{name: folder, root: photos}}`")
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold settings as `key: value`, found {type(values).__name__}")
    return values


def deep_merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `overrides` over `base`, mapping by mapping; lists and values are replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = deep_merge(merged[key], value)
        else:
            merged[key] = value
    return merged
