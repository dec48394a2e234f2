"""The rows of a table that stays in the file: they are read in blocks, of which some are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from wsss.chunks import unpack

BLOCK = 256
"""Rows that are read at a time, and the length of a chunk: so few, because an image may be asked for alone."""
READ_AT_ONCE = 4 * BLOCK
"""Rows that are read at a time where all are. A table that is no longer than that stays in memory."""
KEPT_BLOCKS = 4
"""Blocks that stay in memory where rows are asked for in order."""
MANY_BLOCKS, MANY_JUMPS = 1024, 64
"""Those that do after so many blocks that were not the next one: a training asks for rows at random."""


class Blocks:
    """Rows of a table, each read when it is asked for. Several threads may ask at once.

    Args:
        table: (N, ...), in a file or in memory.

    Attributes:
        dtype: Its type.
        shape: Its shape.
    """

    def __init__(self, table: h5py.Dataset | np.ndarray) -> None:
        # chunks of files of before are not blocks: each would be unpacked for several
        self._table: Any = table if len(table) > READ_AT_ONCE and _is_packed(table) else table[()]
        self._kept = OrderedDict[int, np.ndarray]()
        self._last = self._jumps = 0
        self.dtype: np.dtype[Any] = table.dtype
        self.shape: tuple[int, ...] = table.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> Any:
        """Return a row, as an array or a value of numpy's, which may not be changed."""
        return self.block(row // BLOCK)[row % BLOCK]

    def block(self, number: int) -> np.ndarray:
        """Return the rows (M, ...) from `BLOCK * number` on, `BLOCK` of them or what is left."""
        block = self._kept.get(number)
        if block is None:
            block = self._kept[number] = self._read(number * BLOCK, min((number + 1) * BLOCK, len(self)))
            self._jumps += number not in (self._last, self._last + 1)
            if len(self._kept) > (MANY_BLOCKS if self._jumps > MANY_JUMPS else KEPT_BLOCKS):
                self._kept.popitem(last=False)
        self._last = number
        return block

    def _read(self, start: int, stop: int) -> np.ndarray:
        if isinstance(self._table, h5py.Dataset):
            # what HDF5 needs for a few rows takes four times as long
            skipped, chunk = self._table.id.read_direct_chunk((start, *(0 for _ in self.shape[1:])))
            # a filter is skipped where it saves nothing
            if not skipped:
                return unpack(chunk, (BLOCK, *self.shape[1:]), self.dtype)[: stop - start]
        found: np.ndarray = self._table[start:stop]
        return found

    def runs(self, rows: slice = slice(None)) -> Iterator[np.ndarray]:
        """Yield rows (M, ...) one after another, `READ_AT_ONCE` at a time."""
        start, stop, _ = rows.indices(len(self))
        return (self._table[at : min(at + READ_AT_ONCE, stop)] for at in range(start, stop, READ_AT_ONCE))


def _is_packed(table: h5py.Dataset | np.ndarray) -> bool:
    """Tell whether the chunks of a table are blocks of whole rows, shuffled and compressed as `wsss.chunks` undoes."""
    if not isinstance(table, h5py.Dataset):
        return False
    in_blocks = table.chunks == (BLOCK, *table.shape[1:]) and table.dtype != object
    return in_blocks and table.compression == "gzip" and table.shuffle and not table.fletcher32
