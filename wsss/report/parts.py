"""The part that a method or a stage has in the report: a section of the page; chart, table and sheet if it has them.

The module that its entry in the table names (`Method.report`, `Stage.report`) holds it as `PART`.
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
from wsss.pipeline.code import report_modules
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
class ReportPart:
    """The part of a method or stage in the report.

    Attributes:
        anchor: Name of its section in addresses.
        title: Title of its section.
        section: Writes its section in HTML, given the samples of its sheet; empty if the run has nothing of it.
        file: Name of its chart in the folder `report`; empty for none.
        picture: Draws the chart as SVG.
        table: Writes a table in HTML for the page of numbers; empty for none.
        table_title: Title of that table.
        sheet: Its contact sheet, if it has one.
        overview: Returns the entries of one branch for the viewer's overview, by name, in plain types.
    """

    anchor: str
    title: str
    section: Callable[[Variants, Gallery | None, Look], str]
    file: str = ""
    picture: Callable[[Variants], str] = lambda variants: ""
    table: Callable[[Variants], str] = lambda variants: ""
    table_title: str = ""
    sheet: Sheet | None = None
    overview: Callable[[Evaluation], dict[str, Any]] = lambda evaluation: {}

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its files in the folder `report`."""
        names = (self.file, self.sheet.file if self.sheet is not None else "")
        return tuple(name for name in names if name)


@cache
def report_parts() -> dict[str, ReportPart]:
    """Return all parts by the name of their method or stage, in the order of the tables, methods first."""
    return {name: import_module(module).PART for name, module in report_modules().items()}
