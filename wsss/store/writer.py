"""Write an artifact, whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from wsss import __version__
from wsss.checksums import Sums, array_bytes, attributes_sum, content_sum
from wsss.chunks import PackedArray, begun_digest, pack
from wsss.disk import HdfFile, writing
from wsss.errors import InputError
from wsss.signals import held
from wsss.store.layout import (
    CHECKSUM,
    CHUNK_BYTES,
    FORMAT_VERSION,
    HDF5,
    PARTS,
    TABLES,
    bound_metadata,
    filters_of,
    rebuild_hint,
    root_sum,
    set_attribute,
)
from wsss.store.opening import guarded
from wsss.store.parts import link_arrays
from wsss.store.reader import ArtifactReader
from wsss.store.sums import CHECKSUMS, SumList
from wsss.store.tables import json_pieces, text_blocks, write_rows
from wsss.store.texts import text_type
from wsss.temporary import temporary_name


class ArtifactWriter:
    """Writes an artifact under a temporary name and gives it its final name when the block ends without an error.

    Args:
        path: Final name; its folder is made if needed.
        stage: Name of the stage that writes.
        attributes: Further root attributes; mappings and sequences are stored as JSON.

    Raises:
        InputError: Anywhere, if the disk is full, fails or may not be written to. Then nothing is left.
    """

    @held()
    def __init__(self, path: str | Path, *, stage: str, attributes: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._temporary = temporary_name(self.path)
        self._digest = self._table_digest = 0
        self._notes: list[str] = []
        self._sums = SumList()
        self._parts: dict[str, str] = {}
        self._attributes: dict[str, Any] = {}
        header = {"format_version": FORMAT_VERSION, "stage": stage, "package_version": __version__}
        header["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._raw = HdfFile(self._temporary)
        try:
            self._file = h5py.File(self._raw, "w", libver=HDF5, rdcc_nbytes=CHUNK_BYTES)
            bound_metadata(self._file)
            for name, value in {**header, **(attributes or {})}.items():
                self.set_attribute(name, value)
            self._raise_failure()
        except BaseException:
            self._discard()
            raise

    @held()
    def set_attribute(self, name: str, value: Any) -> None:
        """Set a root attribute; values without a type in HDF5 become JSON."""
        plain = isinstance(value, str | int | float | bool)
        self._attributes[name] = value if plain else json.dumps(value)
        set_attribute(self._file, name, self._attributes[name])

    def write(self, kind: str, image_id: str, array: np.ndarray, **attributes: Any) -> None:
        """Store one array of one image.

        Raises:
            ValueError: If the image already has an array of this kind.
        """
        self.write_packed(pack(kind, image_id, array, attributes))

    @held()
    def write_packed(self, packed: PackedArray) -> None:
        """Store one array of one image that another thread has compressed.

        Raises:
            ValueError: If the image already has an array of this kind.
        """
        dataset = self._made(packed)
        if packed.chunk is not None:
            dataset.id.write_direct_chunk((0,) * len(packed.shape), packed.chunk)
        for key, value in packed.attributes.items():
            set_attribute(dataset, key, value)
        content = packed.chunk if packed.chunk is not None else array_bytes(packed.array)
        sums = Sums(
            content_sum(packed.name, packed.shape, str(packed.dtype), content),
            attributes_sum(packed.name, packed.attributes),
            packed.chunk is not None,
        )
        self._sums.add(packed.name, sums)
        self._digest += packed.digest
        self._raise_failure()

    def _made(self, packed: PackedArray) -> h5py.Dataset:
        about: dict[str, Any] = {"shape": packed.shape, "dtype": packed.dtype, "data": packed.array}
        try:
            return self._file.create_dataset(packed.name, track_times=False, **about, **filters_of(packed))
        except ValueError:
            if packed.name in self._file:
                raise ValueError(f"{self.path}: {packed.name} is written twice") from None
            raise

    def write_table(self, name: str, values: np.ndarray | Collection[str], *, note: bool = False) -> None:
        """Store an array, or texts, that describe all images at once. Texts are gone through several times.

        Args:
            name: Name of the table.
            values: Its content.
            note: The table is no part of the content: the fingerprint leaves it out (times of files, for example).
        """
        if isinstance(values, np.ndarray):
            self.write_blocks(name, [values], values.shape, values.dtype, note=note)
            return
        hashed = begun_digest(f"{TABLES}/{name}", (len(values),), "")
        for piece in json_pieces(values):
            hashed.update(piece)
        kind = text_type(max((len(text.encode()) for text in values), default=0))
        self._store_table(name, text_blocks(values, kind), (len(values),), kind)
        self._take(name, hashed, note=note)

    def write_blocks(
        self, name: str, blocks: Iterable[np.ndarray], shape: tuple[int, ...], dtype: Any, *, note: bool = False
    ) -> None:
        """Store an array that describes all images at once, and is never whole in memory.

        Args:
            name: Name of the table.
            blocks: Its rows in order, in pieces of any length.
            shape: Of the whole.
            dtype: Of the whole.
            note: As in `write_table`.
        """
        hashed = begun_digest(f"{TABLES}/{name}", shape, "")

        def seen() -> Iterator[np.ndarray]:
            for block in blocks:
                hashed.update(array_bytes(block))
                yield block

        self._store_table(name, seen(), shape, np.dtype(dtype))
        self._take(name, hashed, note=note)

    def _take(self, name: str, hashed: hashlib.blake2b, *, note: bool) -> None:
        if note:
            self._notes.append(name)
        else:
            self._table_digest += int.from_bytes(hashed.digest())

    @held()
    def _store_table(
        self, name: str, blocks: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        name = f"{TABLES}/{name}"
        content = write_rows(self._file, name, blocks, shape, dtype)
        self._raise_failure()
        self._sums.add(name, Sums(content, attributes_sum(name, {}), False))

    def copy_from(self, path: Path) -> None:
        """Take over every image of another artifact (a shard of this one) without decoding it.

        Raises:
            InputError: If the other one is damaged.
        """
        with ArtifactReader(path) as shard:
            for kind in shard.kinds():
                for image_id in shard.ids(kind):
                    self.write_packed(shard.packed(kind, image_id))
            self._digest += int(shard.attributes["images_fingerprint"], 16)

    @held()
    def link_from(self, path: Path) -> None:
        """Take over every image of a part of this artifact, by links: the part stays where it is.

        Args:
            path: The part, below the folder of this artifact.

        Raises:
            InputError: If the part is damaged.
            ValueError: If it holds what another part holds.
        """
        name = path.relative_to(self.path.parent).as_posix()
        with ArtifactReader(path) as part:
            sums, attributes = part.sums(), part.attributes
            if sums is None:
                raise InputError(f"{path}: has no checksums, as files of an earlier version; {rebuild_hint(path)}")
            if sums.text_as_json and TABLES in sums.folders():
                raise InputError(f"{path}: has tables as an earlier version wrote them; {rebuild_hint(path)}")
            with guarded(path, "its list of arrays is"):
                self._sums.add_all(sums)
            link_arrays(self._file, sums, path, name)
        self._digest += int(attributes["images_fingerprint"], 16)
        self._parts[name] = str(attributes["fingerprint"])
        self._raise_failure()

    def __setitem__(self, key: tuple[str, str], array: np.ndarray) -> None:
        self.write(*key, array)

    def __enter__(self) -> ArtifactWriter:
        return self

    @held()
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def _finish(self) -> None:
        """Write what is known only now, and give the file its name."""
        # a sum, so that the order of writing does not matter and shards add up
        if self._notes:
            self.set_attribute("notes", self._notes)
        if self._parts:
            self.set_attribute(PARTS, self._parts)
        self.set_attribute("images_fingerprint", f"{self._digest % 2**128:032x}")
        self.set_attribute("fingerprint", f"{(self._digest + self._table_digest) % 2**128:032x}")
        count = len(self._sums)
        content = write_rows(self._file, CHECKSUMS, self._sums.runs(), (count,), self._sums.dtype)
        set_attribute(self._file, CHECKSUM, root_sum(content, self._attributes))
        self._file.close()
        self._raise_failure()
        with writing(self.path):
            self._raw.sync()
            self._temporary.replace(self.path)

    def _raise_failure(self) -> None:
        with writing(self.path):
            self._raw.raise_failure()

    def _discard(self) -> None:
        """Close everything; a file that has its final name by now is not touched."""
        try:
            if hasattr(self, "_file") and self._file:
                self._file.close()
        finally:
            self._raw.close()
            self._temporary.unlink(missing_ok=True)
