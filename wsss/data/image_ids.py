"""The ids of some images of a data set, without an object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from wsss.store import Texts


class ImageIds(Sequence[str]):
    """Ids of images, each made when it is asked for. Can be pickled to loader workers.

    Equal to any sequence of the same ids in the same order.

    Args:
        all_ids: Those of the whole data set.
        rows: (N,) whole numbers, rows of these.

    Attributes:
        rows: The same.
    """

    def __init__(self, all_ids: Texts, rows: np.ndarray) -> None:
        self._all, self.rows = all_ids, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return self._all.texts(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> ImageIds: ...
    def __getitem__(self, place: int | slice) -> str | ImageIds:
        if isinstance(place, slice):
            return ImageIds(self._all, self.rows[place])
        return self._all[self.rows[place]]

    def __add__(self, others: Sequence[str]) -> ImageIds:
        """Return these, then others."""
        if isinstance(others, ImageIds) and others._all is self._all:
            return ImageIds(self._all, np.concatenate([self.rows, others.rows]))
        return ImageIds.of([*self, *others])

    def __radd__(self, others: Sequence[str]) -> ImageIds:
        return ImageIds.of([*others, *self])

    @classmethod
    def of(cls, image_ids: Sequence[str]) -> ImageIds:
        """Return ids that are given one by one."""
        return cls(Texts.of(image_ids), np.arange(len(image_ids)))

    def rows_in(self, all_ids: Texts) -> np.ndarray:
        """Return the rows of these images among others, (N,) whole numbers, -1 for what is not there."""
        return self.rows if all_ids is self._all else all_ids.rows(self._all.values[self.rows])

    def where(self, chosen: np.ndarray) -> ImageIds:
        """Return those of the images that (N,) bool says."""
        return ImageIds(self._all, self.rows[chosen])

    def __contains__(self, image_id: object) -> bool:
        row = self._all.row(image_id) if isinstance(image_id, str) else None
        return row is not None and bool((self.rows == row).any())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(own == its for own, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> ImageIds:
        return self

    def __deepcopy__(self, _: object) -> ImageIds:
        return self

    def __reduce__(self) -> tuple[type[ImageIds], tuple[Texts, np.ndarray]]:
        # not those of all others too
        return ImageIds, (Texts(self._all.values[self.rows]), np.arange(len(self)))

    def __repr__(self) -> str:
        return f"ImageIds({list(self[:3])}{' and others' if len(self) > 3 else ''})"
