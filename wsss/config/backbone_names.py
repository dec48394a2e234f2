"""Names of backbones, and what is known of each without building it: a config is checked before torch is imported."""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Known:
    """What is known of a backbone by its name.

    Attributes:
        strides: Output strides that it can have.
        stages: How many stages it has, the stem included.
        has_weights: Whether `weights: auto` finds any.
    """

    strides: tuple[int, ...]
    stages: int
    has_weights: bool = True


_DEPRECATED = r"^register_model_deprecations\(__name__, \{(.*?)^\}"
KNOWN = {
    "resnet38d": Known((8, 16), 6, has_weights=False),
    "tf_efficientnet_lite0": Known((8, 16, 32), 8),
    **{
        name: Known((8, 16, 32), 5)
        for name in ("resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2")
    },
}
"""Backbones that are not looked up in timm. Tests hold this against the networks themselves."""


def problem_of_name(name: str) -> str:
    """Say that no library has a backbone of this name, with the nearest ones; empty where one has."""
    own = name.partition(".")[0]  # timm's names may end in the training that the weights come from
    if name in KNOWN or own in names_of_timm() or _is_registered(own):
        return ""
    if not names_of_timm():
        return ""  # timm cannot be looked into; the network says it when it is built
    known = sorted({*KNOWN, *names_of_timm()})
    close = difflib.get_close_matches(name, known, n=5) or [one for one in known if name and one.startswith(name)][:5]
    shown = name if len(name) <= 80 else f"{name[:80]}..."
    hint = f"; similar: {', '.join(close)}" if close else ""
    return f"backbone `{shown}` is neither one of {', '.join(KNOWN)} nor in timm{hint}"


def problem_of_settings(name: str, output_stride: int, frozen_stages: int) -> str:
    """Say what a backbone of this name cannot have, as far as its name tells; empty for nothing."""
    known = KNOWN.get(name)
    if known is None:
        return ""
    if output_stride not in known.strides:
        return f"output_stride is {output_stride}, but {name} can have {' or '.join(map(str, known.strides))}"
    if frozen_stages > known.stages:
        return f"frozen_stages is {frozen_stages}, but {name} has {known.stages} stages"
    return ""


@cache
def names_of_timm() -> frozenset[str]:
    """Return the names of timm's networks, old names too, read from its source: importing it takes seconds.

    Empty if it cannot be found.
    """
    found = find_spec("timm")
    if found is None or found.origin is None:
        return frozenset()
    names: set[str] = set()
    for path in (Path(found.origin).parent / "models").glob("*.py"):
        source = path.read_text(encoding="utf-8", errors="replace")
        names.update(re.findall(r"^@register_model\s*\ndef (\w+)\(", source, re.MULTILINE))
        for block in re.findall(_DEPRECATED, source, re.MULTILINE | re.DOTALL):
            names.update(re.findall(r"""^\s*['"]([\w.-]+)['"]\s*:""", block, re.MULTILINE))
    return frozenset(names)


def _is_registered(name: str) -> bool:
    """Tell whether this process has timm, with a network of this name that its user has added."""
    timm = sys.modules.get("timm")
    return timm is not None and bool(timm.is_model(name))
