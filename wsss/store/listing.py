"""What an artifact holds: its attributes, and the list of its arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from wsss.errors import InputError
from wsss.store.layout import CHECKSUM, TABLES, attributes_of, decoded, is_array
from wsss.store.opening import guarded, open_artifact
from wsss.store.parts import Parts, named_parts
from wsss.store.sums import CHECKSUMS, SumTable

LIST = "its list of arrays is"


class ArtifactListing:
    """The attributes of an artifact and the names of its arrays.

    The file opens at first use, in every process that uses it. Can be pickled to loader workers. An artifact of parts
    is like one file.

    Args:
        path: The file.
        stage: Stages that may have written it, one name or several; None takes any.

    Raises:
        InputError: On first use, if the file or a part of it is missing, damaged, not an artifact of this package, or
            of another format version or stage. The message names the file and the command that builds it.
    """

    def __init__(self, path: str | Path, stage: str | tuple[str, ...] | None = None) -> None:
        self.path = Path(path)
        self.stages = (stage,) if isinstance(stage, str) else stage
        self._file: h5py.File | None = None
        self._parts: Parts | None = None
        self._process = 0
        self._sums: SumTable | None = None
        self._listed: SumTable | None = None

    @property
    def file(self) -> h5py.File:
        """The file, opened by this process."""
        if self._file is None or self._process != os.getpid():
            self._sums = self._listed = None
            file, self._sums = open_artifact(self.path, self.stages)
            try:
                with guarded(self.path, "its header is"):
                    self._parts = Parts(self.path, named_parts(file))
            except InputError:
                file.close()
                raise
            self._file, self._process = file, os.getpid()
        return self._file

    @property
    def attributes(self) -> dict[str, Any]:
        """The root attributes. Those stored as JSON come back as they were given."""
        with guarded(self.path, "its attributes are"):
            return {name: decoded(value) for name, value in attributes_of(self.file).items() if name != CHECKSUM}

    def kinds(self) -> list[str]:
        """List the kinds of arrays that the artifact has per image."""
        names = self._names()
        with guarded(self.path, LIST):
            return [kind for kind in names.folders() if kind != TABLES]

    def ids(self, kind: str) -> list[str]:
        """List the image ids that have an array of this kind, sorted."""
        return [image_id.decode() for block in self.id_blocks(kind) for image_id in block.tolist()]

    def id_blocks(self, kind: str) -> Iterator[np.ndarray]:
        """Yield the same ids as (M,) bytes, UTF-8, some at a time.

        Raises:
            InputError: If the artifact has no such kind, when the first are asked for.
        """
        rows, cut = self._rows(kind), len(f"{kind}/".encode())
        with guarded(self.path, LIST):
            for block in self._names().runs(rows):
                names = np.ascontiguousarray(block["name"])
                letters = names.view(np.uint8).reshape(len(names), -1)[:, cut:]
                yield np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").reshape(-1)

    def count(self, kind: str) -> int:
        """Return how many images have an array of this kind.

        Raises:
            InputError: If the artifact has no such kind.
        """
        rows = self._rows(kind)
        return rows.stop - rows.start

    def has(self, kind: str, image_id: str) -> bool:
        """Return whether the image has an array of this kind."""
        names = self._names()
        with guarded(self.path, LIST):
            return f"{kind}/{image_id}" in names

    def _rows(self, kind: str) -> slice:
        names = self._names()
        with guarded(self.path, LIST):
            rows = names.below(kind)
        if rows.start == rows.stop:
            raise InputError(f"{self.path}: holds no {kind}, only {', '.join(self.kinds()) or 'tables'}")
        return rows

    def _names(self) -> SumTable:
        """Return the names of all arrays in order."""
        file = self.file
        assert self._parts is not None
        self._parts.check()
        if self._sums is not None:
            return self._sums
        if self._listed is None:
            found: list[str] = []
            with guarded(self.path, LIST):
                file.visititems(lambda name, item: found.append(name) if is_array(item) else None)
                self._listed = SumTable.without_sums(found)
        return self._listed

    def covers(self, split: str) -> bool:
        """Return whether the artifact is about a split: its attribute `split` names one, or it is about all."""
        return self.attributes.get("split", split) == split

    def tables(self) -> list[str]:
        """List the tables; those of checksums and notes are left out."""
        left_out = {f"{TABLES}/{note}" for note in self.attributes.get("notes", [])} | {CHECKSUMS}
        names = self._names()
        with guarded(self.path, LIST):
            found = [name.decode() for block in names.runs(names.below(TABLES)) for name in block["name"].tolist()]
        return [name.removeprefix(f"{TABLES}/") for name in found if name not in left_out]

    def sums(self) -> SumTable | None:
        """Return the checksums of all arrays, while the file is open; None for a file of a version without."""
        _ = self.file
        return self._sums

    def _place(self, name: str) -> Path:
        """Return the file in which an array lies: this one, or a part."""
        return self._parts.place(self.file, name) if self._parts is not None else self.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file of this process; it opens again when used again."""
        if self._file is not None and self._parts is not None and self._process == os.getpid():
            self._parts.close()
            self._file.close()
        self._file = self._parts = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_parts": None, "_process": 0, "_sums": None, "_listed": None}
