"""Check settings; what is wrong with them is one line that names the key and the nearest valid one."""

from __future__ import annotations

import difflib
import json
import reprlib
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from wsss.errors import InputError


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
            value = json.loads(value, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"settings are not JSON: {error}: {value[:80]!r}") from None
    try:
        return TypeAdapter(model).validate_python({} if value is None else value)
    except ValidationError as error:
        message = _one_line(model, error, where)
        raise InputError(f"{source}: {message}" if source else message) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make the mapping of a JSON object, whose keys may stand there once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise InputError(f"settings have `{twice}` twice, and only one would count; remove one")
    return found


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
    # a number in place of which a word may stand fails twice, at places that name both kinds
    words = [problem for problem in problems[1:] if _is_word_beside(model, first, problem)]
    problems = [problem for problem in problems if problem not in words]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    location = [str(part) for part in first["loc"]]
    key = ".".join(([where] if where else []) + _written(model, location))
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
        listed = ", ".join(_tagged(_annotation(model, location)))
        return f"`{key}.name` is missing: say which ({listed})"
    text = first["msg"].removeprefix("Value error, ")
    text = ", or ".join([text[0].lower() + text[1:], *(problem["ctx"]["expected"] for problem in words)])
    value = "" if isinstance(first["input"], dict) else f", got {_shown(first['input'])}"
    place = f"`{key}`: " if key else ""
    return f"{place}{text}{value if 'got' not in text else ''}{more}"


def _shown(value: Any) -> str:
    """Write a value shortly; aliases of YAML can make a small file a value of any length."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    short.maxlist = short.maxtuple = short.maxdict = 10
    short.maxlevel = 3
    return short.repr(value)


def _written(model: Any, location: list[str]) -> list[str]:
    """Return the keys of a location that a person wrote: pydantic adds the tag that tells models of a union apart."""
    written: list[str] = []
    for place, part in enumerate(location):
        annotation = _annotation(model, location[:place])
        if _is_number_or_word(annotation):
            break
        if part not in _tagged(annotation):
            written.append(part)
    return written


def _is_word_beside(model: Any, first: Any, problem: Any) -> bool:
    """Tell whether a problem is that the same value is not the word that could stand for a number."""
    place = [str(part) for part in first["loc"][:-1]]
    beside = problem["type"] == "literal_error" and problem["loc"][:-1] == first["loc"][:-1]
    return beside and bool(place) and _is_number_or_word(_annotation(model, place))


def _is_number_or_word(annotation: Any) -> bool:
    """Tell whether a number or a word may stand at a place, which is a union to pydantic."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    return any(get_origin(part) is Literal for part in parts)


def _annotation(model: Any, location: list[str]) -> Any:
    """Return what stands at a location: a model, a union told apart by tag, or whatever else; None for nothing."""
    if not location:
        return model
    if part := _tagged(model).get(location[0]):
        return _annotation(part, location[1:])
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(location[0])
        return _annotation(field.annotation, location[1:]) if field else None
    if get_origin(model) is dict:
        return _annotation(get_args(model)[1], location[1:])
    members = _members(model)
    return _annotation(members[0], location) if len(members) == 1 else None


def _section(model: Any, location: list[str]) -> type[BaseModel] | None:
    """Return the model that a location points into."""
    found = _annotation(model, location)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return found
    members = _members(found)
    return members[0] if len(members) == 1 else None


def _tagged(annotation: Any) -> dict[str, type[BaseModel]]:
    """Return the models of a union by the names that tell them apart; empty for all else."""
    named = [member for member in _members(annotation) if "name" in member.model_fields]
    return {str(member.model_fields["name"].default): member for member in named} if len(named) > 1 else {}


def _members(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    return [member for member in get_args(annotation) if isinstance(member, type) and issubclass(member, BaseModel)]
