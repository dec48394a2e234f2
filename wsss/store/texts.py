"""Many texts as one array: names of arrays, ids and paths of images, without an object for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

BLOCK = 4096
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
        values = self.values if self.order is None else self.values[self.order]
        return bool((values[:-1] != values[1:]).all())

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> str:
        text: bytes = self.values[row]
        return text.decode()

    def __iter__(self) -> Iterator[str]:
        return (text.decode() for block in _blocks(self.values) for text in block.tolist())

    def strings(self, rows: np.ndarray | slice = slice(None)) -> list[str]:
        """Return all texts, or those of some rows."""
        return [text.decode() for block in _blocks(self.values[rows]) for text in block.tolist()]

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

    def has(self, others: Texts) -> np.ndarray:
        """Return which of other texts are here, (M,) bool."""
        if not len(self.values) or np.array_equal(self.values, others.values):
            return np.full(len(others), bool(len(self.values)))
        places = np.searchsorted(self.values, others.values, sorter=self.order)
        places[places == len(self.values)] = 0
        rows = places if self.order is None else self.order[places]
        found: np.ndarray = self.values[rows] == others.values
        return found

    def below(self, folder: str) -> slice:
        """Return the rows of the texts that begin with `folder/`. The texts must be in order."""
        assert self.order is None
        # 0 follows / in the alphabet
        first, last = np.searchsorted(self.values, np.array([f"{folder}/".encode(), f"{folder}0".encode()]))
        return slice(int(first), int(last))

    def folders(self) -> list[str]:
        """Return what stands before the first `/` of the texts, each once. The texts must be in order."""
        found, row = [], 0
        while row < len(self):
            folder = self[row].partition("/")[0]
            found.append(folder)
            row = max(row + 1, self.below(folder).stop)
        return found

    def within(self, folder: str) -> Texts:
        """Return the texts that begin with `folder/`, without that. The texts must be in order."""
        values, cut = self.values[self.below(folder)], len(f"{folder}/".encode())
        found = Texts.__new__(Texts)
        length = max(values.dtype.itemsize - cut, 1)
        rest = values.view(np.uint8).reshape(len(values), values.dtype.itemsize)[:, cut:] if len(values) else values
        found.values = np.ascontiguousarray(rest).view(f"S{length}").reshape(-1) if len(values) else values
        return found


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield values (N,) in pieces of `BLOCK`."""
    return (values[start : start + BLOCK] for start in range(0, len(values), BLOCK))
