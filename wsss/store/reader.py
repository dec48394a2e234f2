"""Read an artifact; what is damaged is one line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from wsss.checksums import Sums, array_bytes, attributes_sum, content_sum
from wsss.chunks import PackedArray, unpack
from wsss.errors import InputError
from wsss.store.blocks import Blocks
from wsss.store.layout import CHECKSUM, TABLES, attributes_of, decoded, is_array, rebuild_hint
from wsss.store.opening import guarded, open_artifact
from wsss.store.parts import Parts, named_parts
from wsss.store.sums import CHECKSUMS, SumTable
from wsss.store.tables import OTHER_VALUES, checked_rows, read_blocks, read_table
from wsss.store.texts import Texts

LIST = "its list of arrays is"


class Kind(Mapping[str, np.ndarray]):
    """The arrays of one kind, by image id. Each is read when asked for."""

    def __init__(self, reader: ArtifactReader, kind: str) -> None:
        self._reader, self._kind = reader, kind

    def __getitem__(self, image_id: str) -> np.ndarray:
        return self._reader.read(self._kind, image_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._reader.ids(self._kind))

    def __len__(self) -> int:
        return self._reader.count(self._kind)

    def __contains__(self, image_id: object) -> bool:
        return self._reader.has(self._kind, str(image_id))

    def attributes(self, image_id: str) -> dict[str, Any]:
        """Return the attributes of one image's array."""
        return self._reader.image_attributes(self._kind, image_id)


class ArtifactReader:
    """Reads an artifact; `reader[kind][image_id]` is an array.

    The file opens at first use, in every process that uses it. The reader can be pickled to loader workers. An artifact
    of parts reads like one file.

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
        """Yield the same ids as (M,) bytes, UTF-8, a few thousand at a time.

        Raises:
            InputError: If the artifact has no such kind.
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

    def read(self, kind: str, image_id: str) -> np.ndarray:
        """Read one array of one image.

        Raises:
            InputError: If the array is missing or damaged.
        """
        return self.read_with_attributes(kind, image_id)[0]

    def read_with_attributes(self, kind: str, image_id: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read one array of one image together with its attributes, in one go.

        Raises:
            InputError: If the array is missing or damaged.
        """
        if not self.has(kind, image_id):
            raise InputError(f"{self.path}: no {kind} of image `{image_id}`; {rebuild_hint(self.path)}")
        packed = self.packed(kind, image_id)
        if packed.chunk is None:
            assert packed.array is not None
            return packed.array, dict(packed.attributes)
        with guarded(partial(self._place, f"{kind}/{image_id}"), f"{kind} of `{image_id}` is"):
            return unpack(packed.chunk, packed.shape, packed.dtype), dict(packed.attributes)

    def packed(self, kind: str, image_id: str) -> PackedArray:
        """Read one array of one image as it lies in the file. Its `digest` is 0.

        Raises:
            InputError: If the array is missing or damaged.
        """
        name = f"{kind}/{image_id}"
        with guarded(partial(self._place, f"{kind}/{image_id}"), f"{kind} of `{image_id}` is"):
            dataset = self._dataset(name)
            sums = self._sums[name] if self._sums is not None else None
            chunk = array = None
            if sums is not None and sums.packed:
                _, chunk = dataset.id.read_direct_chunk((0,) * len(dataset.shape))
            else:
                array = dataset[()]
            if sums is not None:
                content = chunk if chunk is not None else array_bytes(array)
                if content_sum(name, dataset.shape, str(dataset.dtype), content) != sums.content:
                    raise OSError(OTHER_VALUES)
            attributes = self._attributes_of(dataset, name, sums)
            return PackedArray(name, dataset.shape, dataset.dtype, 0, chunk, array, attributes)

    def sums(self) -> SumTable | None:
        """Return the checksums of all arrays, while the file is open; None for a file of a version without."""
        _ = self.file
        return self._sums

    def image_attributes(self, kind: str, image_id: str) -> dict[str, Any]:
        """Return the attributes of one image's array.

        Raises:
            InputError: If they are missing or damaged.
        """
        name = f"{kind}/{image_id}"
        with guarded(partial(self._place, f"{kind}/{image_id}"), f"{kind} of `{image_id}` is"):
            dataset = self._dataset(name)
            return self._attributes_of(dataset, name, self._sums[name] if self._sums is not None else None)

    def _attributes_of(self, dataset: h5py.Dataset, name: str, sums: Sums | None) -> dict[str, Any]:
        attributes = attributes_of(dataset)
        if sums is not None and attributes_sum(name, attributes) != sums.attributes:
            raise OSError("its attributes are not those that were written")
        return attributes

    def _dataset(self, name: str) -> h5py.Dataset:
        file = self.file
        assert self._parts is not None
        try:
            return self._parts.array(file, name)
        except KeyError as error:  # the name is a broken link
            raise OSError(str(error)) from None

    def _place(self, name: str) -> Path:
        """Return the file in which an array lies: this one, or a part."""
        return self._parts.place(self.file, name) if self._parts is not None else self.path

    def table(self, name: str) -> np.ndarray:
        """Read a table; strings come as an array of `str` objects."""
        found = self.raw_table(name)
        return found if isinstance(found, np.ndarray) else np.array(list(found), dtype=object)

    def raw_table(self, name: str) -> np.ndarray | Texts:
        """Read a table; strings come without an object for each."""
        with self._guarded_table(name) as dataset:
            return read_table(dataset, f"{TABLES}/{name}", self._sums)

    def table_blocks(self, name: str) -> Iterator[np.ndarray]:
        """Yield a table of numbers in blocks of rows, so that a wide one is never whole in memory.

        Raises:
            InputError: If it is missing or damaged. Wrong values are known only after the last block.
        """
        with self._guarded_table(name) as dataset:
            yield from read_blocks(dataset, f"{TABLES}/{name}", self._sums)

    def table_rows(self, name: str) -> Blocks:
        """Return a table of which rows are read when they are asked for, while the file is open; text as bytes, UTF-8.

        Raises:
            InputError: If it is missing or damaged.
        """
        with self._guarded_table(name) as dataset:
            return checked_rows(dataset, f"{TABLES}/{name}", self._sums)

    def table_form(self, name: str) -> tuple[tuple[int, ...], str]:
        """Return the shape of a table and the kind of its values, as numpy calls it (`S`: text); read nothing."""
        with self._guarded_table(name) as dataset:
            text = h5py.check_string_dtype(dataset.dtype) is not None
            return dataset.shape, "S" if text else dataset.dtype.kind

    @contextmanager
    def _guarded_table(self, name: str) -> Iterator[h5py.Dataset]:
        if not self.has(TABLES, name):
            raise InputError(f"{self.path}: holds no table {name}; {rebuild_hint(self.path)}")
        with guarded(self.path, f"its table {name} is"):
            yield self._dataset(f"{TABLES}/{name}")

    def tables(self) -> list[str]:
        """List the tables; those of checksums and notes are left out."""
        left_out = {f"{TABLES}/{note}" for note in self.attributes.get("notes", [])} | {CHECKSUMS}
        names = self._names()
        with guarded(self.path, LIST):
            found = [name.decode() for block in names.runs(names.below(TABLES)) for name in block["name"].tolist()]
        return [name.removeprefix(f"{TABLES}/") for name in found if name not in left_out]

    def __getitem__(self, kind: str) -> Kind:
        return Kind(self, kind)

    def __enter__(self) -> ArtifactReader:
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
