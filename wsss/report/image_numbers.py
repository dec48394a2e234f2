"""Numbers per image of one evaluated thing, held in arrays: there may be a hundred thousand images and ten things."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping

KEYS = ("iou", "coverage", "foreground", "change")
"""The columns of `per_image.csv` that are kept."""


class ImageNumbers(Mapping[str, dict[str, float]]):
    """Image -> its numbers by `KEYS`, those that are known.

    33 bytes an image; a dictionary of its own for each would take ten times as much.

    Args:
        places: Image -> its place in the arrays; new images are added. All things of one split share it, for they have
            the same images.
    """

    def __init__(self, places: dict[str, int] | None = None) -> None:
        self._places = places if places is not None else {}
        self._values, self._known = array("d"), bytearray()

    def add(self, row: Mapping[str, str]) -> None:
        """Take over a row of the table.

        Raises:
            KeyError: If a column is missing.
            ValueError: If there is something else than a number, or nothing, in one.
        """
        numbers = array("d", [float(row[key]) if row[key] else math.nan for key in KEYS])
        place = self._places.setdefault(row["image"], len(self._places))
        missing = place + 1 - len(self._known)
        if missing > 0:
            self._known.extend(bytes(missing))
            self._values.extend([math.nan] * (missing * len(KEYS)))
        self._known[place] = True
        self._values[place * len(KEYS) : (place + 1) * len(KEYS)] = numbers

    def __getitem__(self, image: str) -> dict[str, float]:
        place = self._places[image]
        if not self._is_known(place):
            raise KeyError(image)
        numbers = self._values[place * len(KEYS) : (place + 1) * len(KEYS)]
        return {key: number for key, number in zip(KEYS, numbers, strict=True) if not math.isnan(number)}

    def __iter__(self) -> Iterator[str]:
        return (image for image, place in self._places.items() if self._is_known(place))

    def __len__(self) -> int:
        return self._known.count(True)

    def _is_known(self, place: int) -> bool:
        return place < len(self._known) and bool(self._known[place])
