"""The checksums of all arrays of an artifact: one table, in the order of names, which is also the list of arrays.

It stays on the disk, while an artifact is written and while it is read, for an artifact may hold a hundred thousand
arrays.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import islice
from zlib import crc32

import h5py
import numpy as np

from wsss.checksums import Sums, array_bytes, content_sum
from wsss.scratch import ScratchTable
from wsss.store.blocks import BLOCK, READ_AT_ONCE, Blocks
from wsss.store.texts import text_type

CHECKSUMS = "tables/checksums"
_FIELDS = [("content", np.uint32), ("attributes", np.uint32), ("packed", np.uint8)]


class SumTable:
    """Names of arrays in order, with their checksums. They are read in blocks, and found by bisection.

    Args:
        table: (N,) with a field `name`, UTF-8, and the fields of `Sums`. All of it is read once.
        text_as_json: Whether tables of text have the checksum of their JSON, as in format version 2.

    Attributes:
        text_as_json: The same.
        content: CRC-32 of the table itself.

    Raises:
        ValueError: If it is no such table.
    """

    def __init__(self, table: h5py.Dataset | np.ndarray, *, text_as_json: bool = False) -> None:
        self.text_as_json = text_as_json
        self.content = content_sum(CHECKSUMS, table.shape, table.dtype.str, b"")
        self._rows = Blocks(table)
        firsts = [np.array([], table.dtype["name"])]
        for rows in self._rows.runs():
            self.content = crc32(array_bytes(rows), self.content)
            names = np.ascontiguousarray(rows["name"])
            names.tobytes().decode()
            firsts.append(names[::BLOCK].copy())
        self._firsts = np.concatenate(firsts)

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> SumTable:
        """Return the checksums of a file, also those in JSON, of format version 2.

        Raises:
            ValueError: If they are no such table; also TypeError and AttributeError.
        """
        if dataset.dtype.names is not None:
            return cls(dataset)
        content = dataset[()].tobytes()
        found = {name.encode(): tuple(row) for name, row in json.loads(content).items()}
        table = cls._in_memory(found)
        for row, name in enumerate(table["name"].tolist()):
            table[row] = (name, *found[name])
        sums = cls(table, text_as_json=True)
        sums.content = content_sum(CHECKSUMS, dataset.shape, str(dataset.dtype), content)
        return sums

    @classmethod
    def without_sums(cls, names: list[str]) -> SumTable:
        """Return the arrays of a file of format version 1, by name; it has no checksums."""
        return cls(cls._in_memory([name.encode() for name in names]))

    @staticmethod
    def _in_memory(names: Collection[bytes]) -> np.ndarray:
        table = np.zeros(len(names), _type_of(max(map(len, names), default=0)))
        table["name"] = sorted(names)
        return table

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._found(name) is not None

    def __getitem__(self, name: str) -> Sums:
        found = self._found(name)
        if found is None:
            raise KeyError(name)
        _, content, attributes, packed = found.item()
        return Sums(content, attributes, bool(packed))

    def runs(self, rows: slice = slice(None)) -> Iterator[np.ndarray]:
        """Yield rows of the table (M,) in order, some at a time."""
        return self._rows.runs(rows)

    def below(self, folder: str) -> slice:
        """Return the rows of the names that begin with `folder/`."""
        # 0 follows / in the alphabet
        return slice(self._place(f"{folder}/".encode()), self._place(f"{folder}0".encode()))

    def folders(self) -> list[str]:
        """Return what stands before the first `/` of the names, each once."""
        found: list[str] = []
        row = 0
        while row < len(self):
            name: bytes = self._rows[row]["name"]
            found.append(name.decode().partition("/")[0])
            row = max(row + 1, self.below(found[-1]).stop)
        return found

    def _found(self, name: str) -> np.void | None:
        """Return the row of a name; None if it is not there."""
        row = self._place(name.encode(errors="surrogatepass"))
        if row == len(self):
            return None
        found: np.void = self._rows[row]
        return found if found["name"].decode() == name else None

    def _place(self, name: bytes) -> int:
        """Return the row of a name, or of the next one where it is not there."""
        block = int(np.searchsorted(self._firsts, name, side="right")) - 1
        if block < 0:
            return 0
        return block * BLOCK + int(np.searchsorted(self._rows.block(block)["name"], name))


class SumList:
    """The checksums of an artifact that is being written."""

    def __init__(self) -> None:
        self._rows = ScratchTable("name UNIQUE", "content", "attributes", "packed")
        self._longest = 0

    def add(self, name: str, sums: Sums) -> None:
        """Take the checksums of an array."""
        self._add(name.encode(), sums.content, sums.attributes, int(sums.packed))

    def add_all(self, table: SumTable) -> None:
        """Take the checksums of all arrays of another artifact."""
        for run in table.runs():
            for row in run.tolist():
                self._add(*row)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dtype(self) -> np.dtype:
        """The type of a row of the table."""
        return _type_of(self._longest)

    def runs(self) -> Iterator[np.ndarray]:
        """Yield the table (N,) as it lies in the file, some rows at a time."""
        kind, rows = self.dtype, self._rows.rows("name, content, attributes, packed", "ORDER BY name")
        while some := list(islice(rows, READ_AT_ONCE)):
            yield np.array(some, kind)

    def _add(self, name: bytes, content: int, attributes: int, packed: int) -> None:
        self._rows.append(name, content, attributes, packed)
        self._longest = max(self._longest, len(name))


def _type_of(longest: int) -> np.dtype:
    return np.dtype([("name", text_type(longest)), *_FIELDS])
