"""Numbers per image of one evaluated thing, held in arrays: there may be a hundred thousand images and ten things."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterator, Mapping

KEYS = ("iou", "coverage", "foreground", "change")
"""The columns of `per_image.csv` that are kept."""


class ImageNumbers(Mapping[str, dict[str, float]]):
    """Image -> its numbers by `KEYS`, those that are known.

    32 bytes an image beside its place; a dictionary of its own for each would take ten times as much.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._values = array("d")

    def add(self, row: Mapping[str, str]) -> None:
        """Take over a row of the table.

        Raises:
            KeyError: If a column is missing.
            ValueError: If there is something else than a number, or nothing, in one.
        """
        numbers = [float(row[key]) if row[key] else math.nan for key in KEYS]
        # all things have the same images: one text serves them
        place = self._places.setdefault(sys.intern(row["image"]), len(self._places))
        self._values[place * len(KEYS) : (place + 1) * len(KEYS)] = array("d", numbers)

    def __getitem__(self, image: str) -> dict[str, float]:
        start = self._places[image] * len(KEYS)
        numbers = self._values[start : start + len(KEYS)]
        return {key: number for key, number in zip(KEYS, numbers, strict=True) if not math.isnan(number)}

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
