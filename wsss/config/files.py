"""Read config files and lay one over another."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
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
        InputError: If it is missing, not valid YAML (with the line), empty, or holds no `key: value`; also if a key is
            there twice, of which YAML would silently drop the first.
    """
    check_regular(path)
    try:
        values = load_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such config file; correct the path") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read as a config ({said_of(error)}); correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if values is None:
        raise InputError(f"{path}: holds no settings; say which data, e.g. `data: {{name: folder, root: photos}}`")
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold settings as `key: value`, found {type(values).__name__}")
    return values


def load_yaml(text: str, source: str) -> Any:
    """Read YAML (or JSON, which is nearly a part of it).

    Args:
        text: The content.
        source: Where it comes from, for messages.

    Raises:
        InputError: If it is not valid, nested too deeply, or has a key twice; with the line.
    """
    if text.lstrip().startswith("{"):
        # JSON may be indented by tabs, which YAML refuses
        with suppress(json.JSONDecodeError, RecursionError):
            json.loads(text)
            text = text.replace("\t", " ")
    try:
        return yaml.load(text, _UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source} line {mark.line + 1}" if mark is not None else source
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        if isinstance(error, _DuplicateKey):
            raise InputError(f"{where}: {what}") from None
        raise InputError(
            f"{where}: not valid YAML ({what}); correct brackets, quotes or indentation (blanks, no tabs) up to there"
        ) from None
    except RecursionError:
        raise InputError(f"{source}: nested too deeply for a config; no setting needs more than a few levels") from None
    except ValueError as error:  # of a value that looks like a date, as 2024-02-30
        raise InputError(f"{source}: not valid YAML ({error}); put such values into quotes") from None


class _DuplicateKey(yaml.constructor.ConstructorError):
    """A mapping has a key twice."""


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses keys that stand twice in one mapping; keys that `<<` merges may be overridden."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else []:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):
                if key in lines:
                    problem = f"`{key}` stands here and in line {lines[key]}, and only one would count; remove one"
                    raise _DuplicateKey(None, None, problem, key_node.start_mark)
                lines[key] = key_node.start_mark.line + 1
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def deep_merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `overrides` over `base`, mapping by mapping; lists and values are replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = deep_merge(merged[key], value)
        else:
            merged[key] = value
    return merged
