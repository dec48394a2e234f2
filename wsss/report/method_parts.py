"""A method's part of the report: a section of the page and a chart; a table and a contact sheet if it has them.

The module that the table of methods names (`Method.report`) holds it as `PART`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from wsss.data import Dataset
from wsss.pipeline.stages import METHODS
from wsss.report.evaluations import Evaluation
from wsss.report.gallery import Gallery

Variants = Mapping[str, Sequence[Evaluation]]
"""The evaluations of each variant, one per seed."""


@dataclass(frozen=True)
class Look:
    """Settings of pictures.

    Attributes:
        class_names: Names of the classes, background first.
        palette: (256, 3) uint8 colours of label values.
        count: Number of images.
        longest: Longest side of a picture, in pixels.
    """

    class_names: Sequence[str]
    palette: np.ndarray
    count: int = 12
    longest: int = 400


@dataclass(frozen=True)
class Sheet:
    """A contact sheet of a method.

    Attributes:
        file: Name of the file in the folder `report`.
        heading: First line.
        caption: How to read it.
        gallery: Draws its samples of the first seeds, given the artifact of stage `saliency`. Gives None if there is
            nothing to show.
        nothing: Text of the sheet in that case.
    """

    file: str
    heading: str
    caption: str
    gallery: Callable[[Dataset, Variants, Path | None, Look], Gallery | None]
    nothing: str


@dataclass(frozen=True)
class MethodPart:
    """A method's part of the report.

    Attributes:
        anchor: Name of its section in addresses.
        title: Title of its section.
        section: Writes its section in HTML, given the samples of its sheet; empty if the run lacks the method.
        file: Name of its chart in the folder `report`.
        picture: Draws the chart as SVG.
        table: Writes a table in HTML for the page of numbers; empty for none.
        table_title: Title of that table.
        sheet: Its contact sheet, if it has one.
        overview: Returns the entries of one branch for the viewer's overview, by name, in plain types.
    """

    anchor: str
    title: str
    section: Callable[[Variants, Gallery | None, Look], str]
    file: str
    picture: Callable[[Variants], str]
    table: Callable[[Variants], str] = lambda variants: ""
    table_title: str = ""
    sheet: Sheet | None = None
    overview: Callable[[Evaluation], dict[str, Any]] = lambda evaluation: {}

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its files in the folder `report`."""
        return (self.file, *([self.sheet.file] if self.sheet is not None else []))


@cache
def method_parts() -> dict[str, MethodPart]:
    """Return the parts of all methods, by the method's name, in the order of the table."""
    return {name: import_module(method.report).PART for name, method in METHODS.items() if method.report}
