"""Runs the stage `index` over a tiny data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wsss.config import VocData
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.stages.index import index


def run(root: Path, *, workers: int = 0, **settings: Any) -> Path:
    output = root.parent / "results" / "index.h5"
    data = VocData(root=str(root), **({"classes": "classes.txt"} | settings))
    index(data, output=output, context=RunContext(workers=workers))
    return output


def refused(root: Path, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        run(root, **settings)
    assert "\n" not in str(caught.value)
    assert not list((root.parent / "results").glob("*")), "something half-written was left"
    return str(caught.value)
