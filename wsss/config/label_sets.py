"""Check the names of label sets in settings against those that the table of stages makes."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from wsss.config.base import MAX_NAME
from wsss.pipeline.names import (
    base_of,
    known_label_sets,
    label_set,
    label_set_names,
    label_set_pattern,
    method_of,
    product_of,
    resolved,
)
from wsss.pipeline.stages import STAGES


def _listed(names: object) -> object:
    """Take a single name for a list of one."""
    return (names,) if isinstance(names, str) else names


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if len(name) > MAX_NAME:
            raise ValueError(f"the name of a label set has {len(name)} letters, {MAX_NAME} at most: `{name[:40]}...`")
        if not re.fullmatch(label_set_pattern(), name):
            raise ValueError(f"unknown label set `{name}`: use {known_label_sets()}{_near(name)}")
    return names


def _near(name: str) -> str:
    close = difflib.get_close_matches(name, label_set_names(), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


_ONE = {"type": "string", "pattern": f"^({label_set_pattern()})$"}
LabelSets = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    AfterValidator(_known),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _ONE}, _ONE]}),
]
"""Names of label sets; a single one may stand without brackets."""


def problem_of_label_set(name: str, section: str, config: Any) -> str:
    """Say why a config does not lead to a label set; empty where it does.

    Args:
        name: The label set, as the config names it.
        section: The stage that reads it.
        config: The config.
    """
    own = resolved(name, config)
    if label_set(own) is None and not any(item.optional for item in STAGES[section].inputs):
        return f", which no stage makes, so {section} cannot read it: name a label set that a stage makes"
    method = method_of(own)
    if method and method not in config.methods:
        return f": add `{method}` to `methods`"
    made = label_set(base_of(own))
    stage = STAGES[made.stage] if made is not None else None
    if made is None or stage is None or not stage.wildcards:
        return ""
    asked = [stage.product.format(**values) for values in stage.asked(config, ())] if stage.asked is not None else []
    if product_of(made) in asked:
        return ""
    there = f"the last of these labels are `{asked[-1]}`" if asked else "this run makes no such labels"
    return f", but {there}: {stage.if_missing}"
