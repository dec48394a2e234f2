"""The file of an index: its tables, checked against each other before anything relies on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from wsss.checksums import DIGEST_BYTES
from wsss.data.stamps import FileStamps
from wsss.errors import InputError
from wsss.pipeline.artifact import SPLITS
from wsss.store import TABLES, ArtifactReader, Blocks, Texts, guarded, rebuild_hint

ATTRIBUTES = ("root", "class_names", "ignore_index", "max_side", "label_source", "data_name", "fingerprint")
"""Root attributes that an index has beside those of every artifact."""
DRAWN = "masks"
"""Kind of the masks that an index holds itself."""
OUT_OF_RANGE = "its sizes or its labels are out of range"
TEXTS = ("ids", "paths", "mask_paths", "split")
_READING = threading.RLock()
"""Tables are read when they are asked for first, which several threads may do at once."""


def _renew_lock() -> None:
    # a process that was forked while another thread held the lock would wait for ever
    global _READING  # noqa: PLW0603
    _READING = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


class IndexFile:
    """What an index holds, one row per image. Can be pickled to loader workers.

    Where files lie and what they were is read only when it is asked for: stages that see no photograph need none of it.
    The form of all tables is checked at once.

    Args:
        path: The file.

    Attributes:
        attributes: Of the file.
        ids: Names of the images.
        members: Rows of each split.
        sizes: (N, 2) uint16 or int32, H and W.
        stamps: What the photographs were.
        mask_stamps: What the masks were.
        labels_packed: (N, C / 8 rounded up) uint8, the multi-hot labels, eight in a byte.

    Raises:
        InputError: If it is missing, damaged or no index, its tables do not fit each other, or it has been built again
            since it was opened; also where a table is read later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = ArtifactReader(path, stage="index")
        self._compared_by = 0
        self._tables: dict[str, Blocks] = {}
        self.stamps, self.mask_stamps = (
            FileStamps(path, partial(self._stamp, first), partial(self._digest, content))
            for first, content in ((0, "content"), (2, "mask_content"))
        )
        with self._reader as reader:
            self.attributes = reader.attributes
            # an index of an earlier version knows no times
            self._knows_times = reader.has(TABLES, "stamps")
            problem = _problem_of_form(self.attributes, reader, stamps=self._knows_times)
            if not problem:
                self.ids, self.members = _texts(reader, "ids"), _members(reader)
                self.sizes = _sizes(reader)
                self.labels_packed, problem = _packed_labels(reader)
                problem = problem or self._problem()
        if problem:
            raise InputError(f"{path}: {problem}; {rebuild_hint(path)}")

    def labels(self, rows: np.ndarray | int) -> np.ndarray:
        """Return the labels of an image, (C,) uint8 multi-hot, or of several, (M, C)."""
        found: np.ndarray = np.unpackbits(
            self.labels_packed[rows], axis=-1, count=len(self.attributes["class_names"]) - 1
        )
        return found

    def path_of(self, row: int) -> str:
        """Return the path of a photograph, below the root or absolute."""
        return str(self._row("paths", row), "utf-8")

    def mask_path_of(self, row: int) -> str:
        """Return the path of a mask likewise, empty where there is none, or where the index holds it."""
        return str(self._row("mask_paths", row), "utf-8")

    def all_paths(self) -> Iterator[str]:
        """Yield the paths of all photographs, then of all masks that are files."""
        for name in ("paths", "mask_paths"):
            for run in self._runs(name):
                yield from (path.decode() for path in run.tolist() if path)

    def drawn(self, row: int) -> bytes | None:
        """Return the digest of the pixels of a mask that the index holds itself; None if it holds none."""
        digest = self.mask_stamps.digest(row)
        return digest if any(digest) and not self.mask_path_of(row) else None

    def with_masks(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows that have a mask, in a file or here."""
        return rows[self._has_mask[rows]]

    @cached_property
    def _has_mask(self) -> np.ndarray:
        runs = zip(self._runs("mask_paths"), self._runs("mask_content"), strict=True)
        has = [(paths != b"") | digests.any(axis=1) for paths, digests in runs]
        return np.concatenate([np.zeros(0, bool), *has])

    def _stamp(self, first: int, row: int) -> tuple[int, ...] | None:
        return tuple(self._row("stamps", row)[first : first + 2].tolist()) if self._knows_times else None

    def _digest(self, name: str, row: int) -> bytes:
        found: bytes = self._row(name, row).tobytes()
        return found

    def _row(self, name: str, row: int) -> Any:
        table = self._table(name)
        with guarded(self.path, f"its table {name} is"):
            return table[row]

    def _runs(self, name: str) -> Iterator[np.ndarray]:
        table = self._table(name)
        with guarded(self.path, f"its table {name} is"):
            yield from table.runs()

    def _table(self, name: str) -> Blocks:
        """Return a table that stays in the file."""
        with _READING:
            reader = self.same_file()
            if name not in self._tables:
                self._tables[name] = reader.table_rows(name)
            return self._tables[name]

    def same_file(self) -> ArtifactReader:
        """Return a reader of the file as it was when it was opened.

        Raises:
            InputError: If another index lies there by now.
        """
        with _READING:
            # once in each process, for it stays open
            if self._compared_by != os.getpid():
                if self._reader.attributes.get("fingerprint") != self.attributes["fingerprint"]:
                    self._reader.close()
                    raise InputError(f"{self.path}: was built again while this ran; run the same command again")
                self._compared_by, self._tables = os.getpid(), {}
        return self._reader

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compared_by": 0, "_tables": {}}

    def _problem(self) -> str:
        """Say what is wrong with the values that are read at once; empty for nothing."""
        if not self.ids.are_unique:
            return "it has an image twice"
        if sum(map(len, self.members.values())) < len(self.ids):
            return f"it has splits other than {' and '.join(SPLITS)}"
        return OUT_OF_RANGE if len(self.ids) and self.sizes.min() < 1 else ""


def _texts(reader: ArtifactReader, name: str) -> Texts:
    found = reader.raw_table(name)
    assert isinstance(found, Texts)
    return found


def _members(reader: ArtifactReader) -> dict[str, np.ndarray]:
    """Return the rows of each split, four bytes each."""
    found = {name: [np.array([], np.uint32)] for name in SPLITS}
    row = 0
    for run in reader.table_rows("split").runs():
        for name, rows in found.items():
            rows.append((row + np.flatnonzero(run == name.encode())).astype(np.uint32))
        row += len(run)
    return {name: np.concatenate(rows) for name, rows in found.items()}


def _numbers(reader: ArtifactReader, name: str) -> np.ndarray:
    found = reader.raw_table(name)
    assert isinstance(found, np.ndarray)
    return found


def _sizes(reader: ArtifactReader) -> np.ndarray:
    """Return the sizes, of two bytes each where they suffice."""
    sizes = _numbers(reader, "sizes")
    fits = len(sizes) > 0 and sizes.min() >= 0 and sizes.max() < 2**16
    return sizes.astype(np.uint16) if fits else sizes


def _packed_labels(reader: ArtifactReader) -> tuple[np.ndarray, str]:
    """Return the labels, eight in a byte, and what is wrong with them; as bytes they would be most of the memory."""
    (count, width), _ = reader.table_form("labels")
    packed, row, problem = np.empty((count, -(-width // 8)), np.uint8), 0, ""
    for block in reader.table_blocks("labels"):
        if block.min() < 0 or block.max() > 1:
            problem = OUT_OF_RANGE
        packed[row : row + len(block)] = np.packbits(block, axis=1)
        row += len(block)
    return packed, problem


def _problem_of_form(attributes: dict[str, Any], reader: ArtifactReader, *, stamps: bool) -> str:
    """Say what is wrong with the attributes and the form of the tables of an index; empty for nothing."""
    lacking = [name for name in ATTRIBUTES if name not in attributes]
    if lacking:
        return f"has no attribute {lacking[0]}"
    names = attributes["class_names"]
    if not isinstance(names, list) or len(names) < 2:
        return f"its classes are {names!r}, expected background and one class at least"
    forms = {name: reader.table_form(name) for name in TEXTS}
    count = forms["ids"][0][0] if forms["ids"][0] else 0
    for name, (shape, kind) in forms.items():
        if shape != (count,) or kind != "S":
            return f"its table {name} does not hold a text for each of {count} images"
    widths = {"sizes": 2, "labels": len(names) - 1, "content": DIGEST_BYTES, "mask_content": DIGEST_BYTES}
    for name, width in {**widths, **({"stamps": 4} if stamps else {})}.items():
        shape, kind = reader.table_form(name)
        if shape != (count, width) or kind not in "iu":
            return f"its table {name} is of kind {kind} and shape {shape}, expected integers of {(count, width)}"
    return ""
