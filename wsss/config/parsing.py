"""Check settings; what is wrong with them is one line that names the key and the nearest valid one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from wsss.errors import InputError

_DATA_NAMES = ("demo", "voc", "folder")


def parse_settings(model: Any, value: Any, *, source: str = "", where: str = "") -> Any:
    """Return the settings of a model (or annotated union of models).

    Args:
        model: The model.
        value: A mapping, JSON text, or None for defaults.
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


def nearest(name: str, names: Sequence[str]) -> str:
    """Return the hint after an unknown name: the closest valid one, else all of them."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f": did you mean `{close[0]}`?"
    return f": valid here are {', '.join(names)}" if names else ""


def _one_line(model: Any, error: ValidationError, where: str) -> str:
    """Return the first problem of a validation in words; an unknown key comes before what it may have caused."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    location = [str(part) for part in first["loc"]]
    # the tag that tells the data sets apart is part of pydantic's location, but no key that the user wrote
    shown = [part for i, part in enumerate(location) if not (i == 1 and location[0] == "data" and part in _DATA_NAMES)]
    key = ".".join(([where] if where else []) + shown)
    kind = first["type"]
    if kind == "extra_forbidden":
        section = _section(model, location[:-1])
        names = list(section.model_fields) if section else []
        return f"`{key}` is not a setting{nearest(location[-1], names)}{more}"
    if kind == "missing":
        return f"`{key}` is missing and has no default{more}"
    if kind == "union_tag_invalid":
        return f"`{key}.name` must be one of {first['ctx']['expected_tags']}, got {first['ctx']['tag']!r}"
    if kind == "union_tag_not_found":
        return f"`{key}.name` is missing: say which data set (demo, voc, folder)"
    text = first["msg"].removeprefix("Value error, ")
    text = text[0].lower() + text[1:]
    value = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
    place = f"`{key}`: " if key else ""
    return f"{place}{text}{value if 'got' not in text else ''}{more}"


def _section(model: Any, location: list[str]) -> type[BaseModel] | None:
    """Return the model that a location points into, through unions told apart by tag and through mappings."""
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
