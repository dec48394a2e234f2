"""List every setting with its kind, default and description, for people to read."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from wsss.config.base import MAX_SEED, Settings
from wsss.config.networks import BackboneSettings
from wsss.config.run import Config

_PLAIN = {bool: "true or false", int: "integer", float: "number", str: "text", type(None): "null"}
GROUP = "group"
"""Kind of a setting that holds settings."""
REQUIRED = "required"
"""In place of the default of a setting that has none."""


@dataclass(frozen=True)
class Setting:
    """One setting, or a group of them.

    Attributes:
        name: Dotted, below its section; the section's own name where that is a single value.
        kind: Type, choices and range in words.
        default: As YAML has it; empty for a group that is always there.
        description: One paragraph.
    """

    name: str
    kind: str
    default: str
    description: str


@dataclass(frozen=True)
class Section:
    """One key at the top of a config, with all that is below it.

    Attributes:
        name: The key.
        description: One paragraph a line.
        settings: In the order of declaration, groups before what is in them.
    """

    name: str
    description: str
    settings: tuple[Setting, ...]

    @property
    def is_value(self) -> bool:
        """Tell whether the section is a single setting of its own name."""
        return [setting.name for setting in self.settings[:1]] == [self.name]

    @property
    def summary(self) -> str:
        """Return the first sentence of the description."""
        first = self.description.split("\n")[0]
        return first.split(". ")[0].rstrip(".") + "."


def sections() -> dict[str, Section]:
    """Return all sections of a config, by name, in order."""
    return {name: _section(name, field) for name, field in Config.model_fields.items()}


def _section(name: str, field: FieldInfo) -> Section:
    groups = _groups(field.annotation)
    if not groups or get_origin(field.annotation) is dict:
        return Section(name, _description(field), tuple(_settings(name, field)))
    text = _description(field) if field.description else _paragraphs(groups[0])
    found: list[Setting] = []
    for group in groups:
        members = list(_members(group, ""))
        if len(groups) > 1:  # data sets, told apart by their name
            tag = group.model_fields["name"].default
            members = [Setting(f"name: {tag}", GROUP, "", _paragraphs(group).split("\n")[0])] + [
                member for member in members if member.name != "name"
            ]
        found += members
    return Section(name, text, tuple(found))


def _members(group: type[Settings], prefix: str) -> Iterator[Setting]:
    for name, field in group.model_fields.items():
        yield from _settings(f"{prefix}{name}", field)


def _settings(name: str, field: FieldInfo) -> Iterator[Setting]:
    """Yield a setting, then those in it."""
    groups = _groups(field.annotation)
    inherited = len(groups) == 1 and issubclass(groups[0], BackboneSettings)
    default = "top-level `backbone`" if inherited else _default(field, always=field.annotation in groups)
    yield Setting(name, _kind(field.annotation, field.metadata), default, _description(field))
    inside = f"{name}.NAME." if get_origin(field.annotation) is dict else f"{name}."
    for group in [] if inherited else groups:
        yield from _members(group, inside)


def _groups(annotation: Any) -> list[type[Settings]]:
    """Return the models of settings in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [group for part in get_args(annotation) for group in _groups(part)]


def _description(field: FieldInfo) -> str:
    """Return what is said of a setting; a group of which nothing is said is described by its class."""
    if field.description:
        return " ".join(field.description.split())
    groups = _groups(field.annotation)
    return _paragraphs(groups[0]).split("\n")[0] if groups else ""


def _paragraphs(model: type[Settings]) -> str:
    """Return the docstring of a model, one line per paragraph."""
    return "\n".join(" ".join(part.split()) for part in (inspect.getdoc(model) or "").split("\n\n"))


def _default(field: FieldInfo, *, always: bool) -> str:
    if field.is_required():
        return REQUIRED
    return "" if always else _text(field.default)


def _text(value: Any) -> str:
    """Return a value as YAML has it in one line."""
    if isinstance(value, Settings):
        return _text(value.model_dump(exclude_defaults=True))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_text, value)) + "]"
    # words that YAML takes for something else, like off and 32, are quoted
    return value if isinstance(value, str) and yaml.safe_load(value) == value else json.dumps(value)


def _kind(annotation: Any, limits: Sequence[Any] = ()) -> str:
    """Return type, choices and range of a setting in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], [limit for extra in arguments[1:] for limit in extra.metadata])
    if origin is Literal:
        choices = [*map(_text, arguments)]
        return " or ".join(choices) if len(choices) < 3 else f"one of {', '.join(choices)}"
    if origin in (Union, types.UnionType):
        return ", or ".join(dict.fromkeys(_kind(part, limits) for part in arguments))
    if origin is tuple:
        count = "" if arguments[-1] is Ellipsis else f" of {len(arguments)}"
        return f"list{count} ({_kind(arguments[0])})"
    if origin is dict:
        return GROUP if arguments[1] is Any else f"{_kind(arguments[1])} by name"
    if _groups(annotation):
        return GROUP
    return _PLAIN[annotation] + (_range(limits) if annotation in (int, float) else "")


def _range(limits: Sequence[Any]) -> str:
    """Return limits of a number in words, empty without any."""
    found = {
        name: getattr(limit, name) for limit in limits for name in ("ge", "gt", "le", "lt") if hasattr(limit, name)
    }
    if "ge" in found and found["ge"] == found.get("le"):
        return f", always {found['ge']:g}"
    words = {"ge": " from ", "gt": " above ", "le": " to ", "lt": ", below "}
    return "".join(f"{text}{_number(found[name])}" for name, text in words.items() if name in found)


def _number(value: float) -> str:
    """Return a limit as people write it."""
    if value == MAX_SEED:
        return "2^63 - 1"
    return f"{value:,}" if isinstance(value, int) and value >= 10**5 else f"{value:g}"
