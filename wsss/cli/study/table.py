"""What a method's table on the page of a study consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class FigureColumn:
    """A column of figures.

    Attributes:
        heading: What it says above them.
        keys: Where a line has its figure.
        factor: What it is multiplied with.
        digits: How many are shown after the point.
    """

    heading: str
    keys: tuple[str, str]
    factor: float = 100
    digits: int = 1


@dataclass(frozen=True)
class Table:
    """The table of a method.

    Attributes:
        title: The method.
        text: What one has to know to read it.
        line_heading: Heading of the names of the lines of a variant; empty where it has a single line.
        lines: The lines that a row gives, by name; none where it is not of this method.
        columns: In order.
    """

    title: str
    text: str
    line_heading: str
    lines: Callable[[Row], dict[str, Row]]
    columns: tuple[FigureColumn, ...]
