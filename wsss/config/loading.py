"""From YAML, JSON or a mapping to settings, with errors that a person can act on."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from wsss.errors import InputError

if TYPE_CHECKING:
    from wsss.config.run import Config

_DATA_NAMES = ("demo", "voc", "folder")


def load_config(path_or_mapping: str | Path | Mapping[str, Any], *later: Path) -> Config:
    """The checked settings of a run.

    Args:
        path_or_mapping: A YAML file, or what such a file holds. From a file, `run` defaults to its stem.
        later: Files laid over it, each over those before it; the last one then gives its stem.

    Raises:
        InputError: In one line: the file, the key, what is wrong, and the nearest valid key.
    """
    from wsss.config.run import Config

    if isinstance(path_or_mapping, Mapping):
        return parse_settings(Config, path_or_mapping)
    paths = [Path(path_or_mapping), *later]
    values = read_configs(paths)
    if not values.get("run"):
        values["run"] = paths[-1].stem
    return parse_settings(Config, values, source=str(paths[-1]))


def parse_settings(model: Any, value: Any, *, source: str = "", where: str = "") -> Any:
    """Settings of the given model (or annotated union of models) from a mapping, JSON text, or None for defaults.

    Args:
        source: File that the values come from, for the message.
        where: Key of the section that the values stand for, for the message.

    Raises:
        InputError: In one line.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise InputError(f"settings are not JSON: {error}: {value[:80]!r}") from None
    try:
        return TypeAdapter(model).validate_python({} if value is None else value)
    except ValidationError as error:
        message = _one_line(model, error, where)
        raise InputError(f"{source}: {message}" if source else message) from None


def deep_merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overrides` laid over it, mapping by mapping; lists and values are replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = deep_merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def read_configs(paths: Sequence[Path]) -> dict[str, Any]:
    """What config files say, unchecked, a later one laid over the earlier ones; errors are those of `read_yaml`."""
    values: dict[str, Any] = {}
    for path in paths:
        values = deep_merge(values, read_yaml(path))
    return values


def read_yaml(path: Path) -> dict[str, Any]:
    """What a config file says, unchecked.

    Raises:
        InputError: If it is missing, not valid YAML (with the line), empty, or holds no `key: value`.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such config file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a config ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path} line {mark.line + 1}" if mark is not None else str(path)
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(
            f"{where}: not valid YAML ({what}); correct brackets, quotes or indentation (blanks, no tabs) up to there"
        ) from None
    if values is None:
        raise InputError(f"{path}: holds no settings; say which data, e.g. `data: {{name: folder, root: photos}}`")
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold settings as `key: value`, found {type(values).__name__}")
    return values


def _one_line(model: Any, error: ValidationError, where: str) -> str:
    """The first problem of a validation in words; an unknown key comes before what it may have caused."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    location = [str(part) for part in first["loc"]]
    # the tag that tells the data sets apart is part of pydantic's location, but no key that the user wrote
    shown = [part for i, part in enumerate(location) if not (i == 1 and location[0] == "data" and part in _DATA_NAMES)]
    key = ".".join(([where] if where else []) + shown) or "settings"
    kind = first["type"]
    if kind == "extra_forbidden":
        return f"`{key}` is not a setting{_nearest(model, location)}{more}"
    if kind == "missing":
        return f"`{key}` is missing and has no default{more}"
    if kind == "union_tag_invalid":
        return f"`{key}.name` must be one of {first['ctx']['expected_tags']}, got {first['ctx']['tag']!r}"
    if kind == "union_tag_not_found":
        return f"`{key}.name` is missing: say which data set (demo, voc, folder)"
    text = first["msg"].removeprefix("Value error, ")
    text = text[0].lower() + text[1:]
    value = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
    return f"`{key}`: {text}{value if 'got' not in text else ''}{more}"


def _nearest(model: Any, location: list[str]) -> str:
    """The hint after an unknown key: the closest valid key of the same section, else all of them."""
    section = _section(model, location[:-1])
    names = list(section.model_fields) if section else []
    close = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.5)
    if close:
        return f": did you mean `{close[0]}`?"
    return f": valid here are {', '.join(names)}" if names else ""


def _section(model: Any, location: list[str]) -> type[BaseModel] | None:
    """The settings model that a location points into, through unions told apart by tag and through mappings."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if not location:
            return model
        field = model.model_fields.get(location[0])
        return _section(field.annotation, location[1:]) if field else None
    if get_origin(model) is dict:
        return _section(get_args(model)[1], location[1:])
    members = [member for member in get_args(model) if isinstance(member, type) and issubclass(member, BaseModel)]
    tags = {str(member.model_fields["name"].default): member for member in members if "name" in member.model_fields}
    if location and location[0] in tags:
        return _section(tags[location[0]], location[1:])
    return _section(members[0], location) if len(members) == 1 else None
