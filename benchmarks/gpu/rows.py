"""The figures of the check, what they must be, and the table of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MISSED, MET, NOT_JUDGED = "MISSED", "met", "not judged"


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        value: The figure; a text where there is none.
        unit: Its unit.
        most: What it must not be above.
        least: What it must not be below.
        aim: What it is hoped to reach.
        timed: Whether it depends on the speed of the machine, so that it is judged on a GPU alone.
        further: More figures of the same measurement, by their units.
    """

    what: str
    value: float | str
    unit: str = ""
    most: float | None = None
    least: float | None = None
    aim: float | None = None
    timed: bool = True
    further: Mapping[str, float | str] = field(default_factory=dict)

    def verdict(self, device: str) -> str:
        """Say whether the figure is what it must be; empty if nothing is asked of it."""
        if self.most is None and self.least is None:
            return ""
        if self.timed and device == "cpu":
            return NOT_JUDGED
        if isinstance(self.value, str):
            return MISSED
        # no comparison holds of what is not a number
        above = self.least is None or self.value >= self.least
        below = self.most is None or self.value <= self.most
        return MET if above and below else MISSED

    def as_dict(self, device: str) -> dict[str, Any]:
        """Return what the JSON file holds of it."""
        return {**asdict(self), "verdict": self.verdict(device)}

    @property
    def limits(self) -> str:
        """Say what the figure must be, and what is hoped for."""
        parts = [f"at most {self.most:g}" if self.most is not None else ""]
        parts += [f"at least {self.least:g}" if self.least is not None else ""]
        parts += [f"aim {self.aim:g}" if self.aim is not None else ""]
        return ", ".join(part for part in parts if part)


def table(rows: list[Row], device: str) -> Iterator[str]:
    """Lay out the figures of a part, a line each."""
    if not rows:
        return
    width = max(len(row.what) for row in rows)
    for row in rows:
        value = f"{number(row.value):>10} {row.unit}".rstrip()
        line = f"  {row.what:{width}} {value:26} {row.limits:26} {row.verdict(device):11}"
        yield (line + ", ".join(f"{number(value)} {unit}" for unit, value in row.further.items())).rstrip()


def number(value: float | str) -> str:
    """Write a figure with as many digits as say something."""
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.1e}" if abs(value) < 1e-3 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
