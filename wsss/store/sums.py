"""The checksums of all arrays of an artifact: one table, in the order of names, which is also the list of arrays."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass

import h5py
import numpy as np

from wsss.checksums import Sums
from wsss.store.texts import Texts

_FIELDS = [("content", np.uint32), ("attributes", np.uint32), ("packed", np.uint8)]


@dataclass(frozen=True)
class SumTable:
    """Checksums by name.

    Attributes:
        names: Names of the arrays, in order.
        values: (N,) with the fields of `Sums`.
        text_as_json: Whether tables of text have the checksum of their JSON, as in format version 2.
    """

    names: Texts
    values: np.ndarray
    text_as_json: bool = False

    @classmethod
    def unpacked(cls, table: np.ndarray) -> SumTable:
        """Return the checksums of a table that was read, also of one in JSON, of format version 2.

        Raises:
            ValueError: If it is no such table.
        """
        if table.dtype.names is None:
            return cls._of_json(table)
        values = np.empty(len(table), dtype=_FIELDS)
        # a view would keep the names twice
        for name, _ in _FIELDS:
            values[name] = table[name]
        return cls(Texts(table["name"]), values)

    @classmethod
    def _of_json(cls, table: np.ndarray) -> SumTable:
        rows = dict(sorted(json.loads(table.tobytes()).items()))
        values = np.array([tuple(row) for row in rows.values()], dtype=_FIELDS)
        return cls(Texts.of(rows), values, text_as_json=True)

    def __getitem__(self, name: str) -> Sums:
        row = self.names.row(name)
        if row is None:
            raise KeyError(name)
        content, attributes, packed = self.values[row].item()
        return Sums(content, attributes, bool(packed))


class SumList:
    """The checksums of an artifact that is being written, in few bytes each."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        # an object for each name would take three times as much
        self._names, self._ends = bytearray(), array("Q")
        self._content, self._attributes, self._packed = array("I"), array("I"), array("B")

    def add(self, name: str, sums: Sums) -> None:
        """Take the checksums of an array."""
        self._add_name(name.encode())
        self._content.append(sums.content)
        self._attributes.append(sums.attributes)
        self._packed.append(sums.packed)

    def add_all(self, table: SumTable) -> None:
        """Take the checksums of all arrays of another artifact."""
        for name in table.names.values:
            self._add_name(name)
        for own, name in ((self._content, "content"), (self._attributes, "attributes"), (self._packed, "packed")):
            own.frombytes(np.ascontiguousarray(table.values[name]).tobytes())

    def taken(self) -> np.ndarray:
        """Return the table (N,) as it lies in the file. The list is empty then, for both together take much memory."""
        starts = [0, *self._ends][:-1]
        longest = max((end - start for start, end in zip(starts, self._ends, strict=True)), default=0)
        # HDF5 has no text of length 0
        text = h5py.string_dtype("utf-8", longest or 1)
        found = np.empty(len(starts), dtype=[("name", text), *_FIELDS])
        names = found["name"]
        for row, (start, end) in enumerate(zip(starts, self._ends, strict=True)):
            names[row] = bytes(self._names[start:end])
        for values, name in ((self._content, "content"), (self._attributes, "attributes"), (self._packed, "packed")):
            found[name] = np.frombuffer(values, dtype=found.dtype[name]) if len(values) else 0
        self._begin()
        # in place: an ordered copy would be as large again
        found.sort(order="name")
        return found

    def _add_name(self, name: bytes) -> None:
        self._names += name
        self._ends.append(len(self._names))
