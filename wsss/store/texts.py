"""Many texts as one array: names of arrays, ids and paths of images, without an object for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import h5py
import numpy as np

BLOCK = 1024
"""Texts for which there are objects at a time: those of all at once would be most of the memory of opening a file."""


class Texts:
    """Texts in their own order, found by bisection.

    Args:
        values: (N,) bytes of one length, UTF-8; a text may not end in a zero byte.

    Attributes:
        values: The same.

    Raises:
        ValueError: If they are no UTF-8.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.ascontiguousarray(values)
        for block in _blocks(self.values):
            block.tobytes().decode()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Return texts given one by one. None may hold a zero byte."""
        given = list(texts)
        found = cls.__new__(cls)
        # one text encoded and cut is three times as fast as encoding each
        blocks = ("\0".join(given[start : start + BLOCK]) for start in range(0, len(given), BLOCK))
        parts = [np.array(block.encode(errors="surrogatepass").split(b"\0"), np.bytes_) for block in blocks]
        found.values = np.concatenate(parts) if parts else np.array([], np.bytes_)
        return found

    @cached_property
    def order(self) -> np.ndarray | None:
        """The rows in the order of their texts; None if they are in order."""
        values = self.values
        return None if (values[:-1] <= values[1:]).all() else np.argsort(values, kind="stable")

    @property
    def are_unique(self) -> bool:
        """Whether no text is there twice."""
        if self.order is None:
            return bool((self.values[:-1] != self.values[1:]).all())
        # a block begins with what the one before ended with
        blocks = (self.order[start : start + BLOCK + 1] for start in range(0, len(self.order), BLOCK))
        return all((self.values[rows[:-1]] != self.values[rows[1:]]).all() for rows in blocks)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> str:
        text: bytes = self.values[row]
        return text.decode()

    def __iter__(self) -> Iterator[str]:
        return (text.decode() for block in _blocks(self.values) for text in block.tolist())

    def texts(self, rows: np.ndarray) -> Iterator[str]:
        """Yield the texts of some rows."""
        return (text.decode() for some in _blocks(rows) for text in self.values[some].tolist())

    def row(self, text: str) -> int | None:
        """Return the row of a text; None if it is not there."""
        sought = text.encode(errors="surrogatepass")
        # a longer one would make numpy copy all texts to its length
        if not len(self.values) or len(sought) > self.values.dtype.itemsize:
            return None
        place = int(np.searchsorted(self.values, sought, sorter=self.order))
        if place == len(self.values):
            return None
        row = place if self.order is None else int(self.order[place])
        return row if self[row] == text else None

    def rows(self, values: np.ndarray) -> np.ndarray:
        """Return the rows of other texts, (M,) bytes: (M,) int64, -1 for what is not here."""
        if not len(self.values):
            return np.full(len(values), -1)
        places = np.searchsorted(self.values, values, sorter=self.order)
        places[places == len(self.values)] = 0
        rows = places if self.order is None else self.order[places]
        return np.where(self.values[rows] == values, rows, -1)


def text_type(longest: int) -> np.dtype:
    """Return the type, in a file, of texts of at most so many bytes."""
    # HDF5 has no text of length 0
    return h5py.string_dtype("utf-8", longest or 1)


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield values (N,) in pieces of `BLOCK`."""
    return (values[start : start + BLOCK] for start in range(0, len(values), BLOCK))
