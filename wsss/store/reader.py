"""Read an artifact; what is damaged is one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import h5py
import numpy as np

from wsss.checksums import Sums, array_bytes, attributes_sum, content_sum
from wsss.chunks import PackedArray, unpack
from wsss.errors import InputError
from wsss.store.blocks import Blocks
from wsss.store.layout import TABLES, attributes_of, rebuild_hint
from wsss.store.listing import ArtifactListing
from wsss.store.opening import guarded
from wsss.store.tables import OTHER_VALUES, checked_rows, read_blocks, read_table
from wsss.store.texts import Texts


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


class ArtifactReader(ArtifactListing):
    """Reads an artifact; `reader[kind][image_id]` is an array. Takes and raises what `ArtifactListing` does."""

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

    def __getitem__(self, kind: str) -> Kind:
        return Kind(self, kind)
