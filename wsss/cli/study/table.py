"""The parts of a method's table on the page of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class FigureColumn:
    """A column of figures.

    Attributes:
        heading: Text above them.
        keys: Path of the figure in a line.
        factor: Factor to multiply it by.
        digits: Digits to show after the point.
    """

    heading: str
    keys: tuple[str, str]
    factor: float = 100
    digits: int = 1


@dataclass(frozen=True)
class Table:
    """The table of a method.

    Attributes:
        title: Title of the method.
        text: How to read the table.
        line_heading: Heading of the column that names the lines of a variant; empty if it has a single line.
        lines: Returns the lines of a row, by name; none if the row lacks the method.
        columns: Columns in order.
    """

    title: str
    text: str
    line_heading: str
    lines: Callable[[Row], dict[str, Row]]
    columns: tuple[FigureColumn, ...]
