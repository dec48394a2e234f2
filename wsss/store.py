"""Artifacts: one HDF5 file per stage, one data set per image and kind, whole or absent. Only this module uses h5py.

Layout: root attributes say where the file came from (see `ArtifactWriter`); `/KIND/IMAGE_ID` holds one array, with
its own attributes if the kind needs them (`cams`: the classes of its planes); `/tables/NAME` holds arrays that describe
all images at once. Any HDF5 browser shows it: the filters are gzip and shuffle, which every build can read. An image's
array is one chunk, for it is always read whole; chunks that HDF5 chooses cut a label map into a dozen.

Whatever is read is what was written, or an error: the table `checksums` lists every array with its checksums, and the
root attribute `checksum` is that of this table and of all other root attributes. Lists of images come from the table,
not from HDF5's groups. Files of format version 1 have no checksums and are read without.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from wsss import __version__
from wsss.checksums import Sums, array_bytes, attributes_sum, content_sum, pack_sums, table_bytes, unpack_sums
from wsss.chunks import COMPRESSION_LEVEL, SMALLEST_CHUNK, PackedArray, digest, pack, unpack
from wsss.disk import HdfFile, writing
from wsss.errors import InputError

FORMAT_VERSION = 2
WITHOUT_CHECKSUMS = 1
"""The format version of before, which is read too."""
TABLES = "tables"
CHECKSUMS = f"{TABLES}/checksums"
CHECKSUM = "checksum"
_GZIP = {"compression": "gzip", "compression_opts": COMPRESSION_LEVEL, "shuffle": True}


class ArtifactWriter:
    """Writes an artifact under a temporary name and gives it its final name when the block ends without an error.

    Args:
        path: Final name; its folder is made if needed.
        stage: Name of the stage that writes.
        attributes: Further root attributes; mappings and sequences are stored as JSON.

    Raises:
        InputError: Anywhere, if the disk is full, fails or may not be written to. Then nothing is left.
    """

    def __init__(self, path: str | Path, *, stage: str, attributes: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._temporary = self.path.parent / f".{self.path.name}.{os.getpid()}.tmp"
        self._digest = self._table_digest = 0
        self._notes: list[str] = []
        self._sums: dict[str, Sums] = {}
        self._attributes: dict[str, Any] = {}
        header = {"format_version": FORMAT_VERSION, "stage": stage, "package_version": __version__}
        header["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._raw = HdfFile(self._temporary)
        try:
            self._file = h5py.File(self._raw, "w")
            for name, value in {**header, **(attributes or {})}.items():
                self.set_attribute(name, value)
            self._raise_failure()
        except BaseException:
            self._discard()
            raise

    def set_attribute(self, name: str, value: Any) -> None:
        """Set a root attribute; values without a type in HDF5 become JSON."""
        plain = isinstance(value, str | int | float | bool)
        self._attributes[name] = self._file.attrs[name] = value if plain else json.dumps(value)

    def write(self, kind: str, image_id: str, array: np.ndarray, **attributes: Any) -> None:
        """Store one array of one image.

        Raises:
            ValueError: If the image already has an array of this kind.
        """
        self.write_packed(pack(kind, image_id, array, attributes))

    def write_packed(self, packed: PackedArray) -> None:
        """Store one array of one image that another thread has compressed.

        Raises:
            ValueError: If the image already has an array of this kind.
        """
        if packed.name in self._sums:
            raise ValueError(f"{self.path}: {packed.name} is written twice")
        dataset = self._file.create_dataset(
            packed.name,
            shape=packed.shape,
            dtype=packed.dtype,
            data=packed.array,
            track_times=False,
            **_filters(packed),
        )
        if packed.chunk is not None:
            dataset.id.write_direct_chunk((0,) * len(packed.shape), packed.chunk)
        for key, value in packed.attributes.items():
            dataset.attrs[key] = value
        content = packed.chunk if packed.chunk is not None else array_bytes(packed.array)
        self._sums[packed.name] = Sums(
            content_sum(packed.name, packed.shape, str(packed.dtype), content),
            attributes_sum(packed.name, packed.attributes),
            packed.chunk is not None,
        )
        self._digest += packed.digest
        self._raise_failure()

    def write_table(self, name: str, values: np.ndarray | list[str]) -> None:
        """Store an array, or a list of strings, that describes all images at once."""
        self._table_digest += digest(f"{TABLES}/{name}", table_bytes(values), np.shape(values), "")
        self._store_table(f"{TABLES}/{name}", values)

    def write_note(self, name: str, values: np.ndarray) -> None:
        """Store a table that is no part of the content: the fingerprint leaves it out (times of files, for example)."""
        self._notes.append(name)
        self._store_table(f"{TABLES}/{name}", values)

    def _store_table(self, name: str, values: np.ndarray | list[str]) -> None:
        data = np.array(values, dtype=h5py.string_dtype()) if isinstance(values, list) else values
        filters = _GZIP if np.size(data) >= SMALLEST_CHUNK else {}
        self._file.create_dataset(name, data=data, track_times=False, **filters)
        kind = "" if isinstance(values, list) else str(values.dtype)
        content = content_sum(name, np.shape(data), kind, table_bytes(values))
        self._sums[name] = Sums(content, attributes_sum(name, {}), False)
        self._raise_failure()

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

    def __setitem__(self, key: tuple[str, str], array: np.ndarray) -> None:
        self.write(*key, array)

    def __enter__(self) -> ArtifactWriter:
        return self

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
        self.set_attribute("images_fingerprint", f"{self._digest % 2**128:032x}")
        self.set_attribute("fingerprint", f"{(self._digest + self._table_digest) % 2**128:032x}")
        sums = pack_sums(self._sums)
        filters = _GZIP if sums.size >= SMALLEST_CHUNK else {}
        self._file.create_dataset(CHECKSUMS, data=sums, track_times=False, **filters)
        self._file.attrs[CHECKSUM] = _root_sum(sums, self._attributes)
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


class Kind(Mapping[str, np.ndarray]):
    """The arrays of one kind, by image id. Each is read when asked for."""

    def __init__(self, reader: ArtifactReader, kind: str) -> None:
        self._reader, self._kind = reader, kind

    def __getitem__(self, image_id: str) -> np.ndarray:
        return self._reader.read(self._kind, image_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._reader.ids(self._kind))

    def __len__(self) -> int:
        return len(self._reader.ids(self._kind))

    def __contains__(self, image_id: object) -> bool:
        return self._reader.has(self._kind, str(image_id))

    def attributes(self, image_id: str) -> dict[str, Any]:
        """Return the attributes of one image's array."""
        return self._reader.image_attributes(self._kind, image_id)


class ArtifactReader:
    """Reads an artifact; `reader[kind][image_id]` is an array.

    The file opens at first use, in every process that uses it. The reader can be pickled to loader workers.

    Args:
        path: The file.
        stage: Stages that may have written it, one name or several; None takes any.

    Raises:
        InputError: On first use, if the file is missing, damaged, not an artifact of this package, or of another format
            version or stage. The message names the file and the command that builds it.
    """

    def __init__(self, path: str | Path, stage: str | tuple[str, ...] | None = None) -> None:
        self.path = Path(path)
        self.stages = (stage,) if isinstance(stage, str) else stage
        self._file: h5py.File | None = None
        self._process = 0
        self._ids: dict[str, list[str]] = {}
        self._sums: dict[str, Sums] | None = None
        self._listed: dict[str, None] | None = None

    @property
    def file(self) -> h5py.File:
        """The file, opened by this process."""
        if self._file is None or self._process != os.getpid():
            self._file, self._process = self._open(), os.getpid()
        return self._file

    @property
    def attributes(self) -> dict[str, Any]:
        """The root attributes. Those stored as JSON come back as they were given."""
        with self._guarded("its attributes are"):
            return {name: _decode(value) for name, value in self.file.attrs.items() if name != CHECKSUM}

    def kinds(self) -> list[str]:
        """List the kinds of arrays that the artifact has per image."""
        return list(
            dict.fromkeys(name.partition("/")[0] for name in self._names() if not name.startswith(f"{TABLES}/"))
        )

    def ids(self, kind: str) -> list[str]:
        """List the image ids that have an array of this kind, sorted."""
        if kind not in self._ids:
            if kind not in self.kinds():
                raise InputError(f"{self.path}: holds no {kind}, only {', '.join(self.kinds()) or 'tables'}")
            self._ids[kind] = sorted(name[len(kind) + 1 :] for name in self._names() if name.startswith(f"{kind}/"))
        return self._ids[kind]

    def has(self, kind: str, image_id: str) -> bool:
        """Return whether the image has an array of this kind."""
        return f"{kind}/{image_id}" in self._names()

    def _names(self) -> Collection[str]:
        """Return the names of all arrays in order."""
        file = self.file
        if self._sums is not None:
            return self._sums
        if self._listed is None:
            found: dict[str, None] = {}
            with self._guarded("its list of arrays is"):
                file.visititems(lambda name, item: found.update({name: None} if _is_array(item) else {}))
            self._listed = dict.fromkeys(sorted(found))
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
        with self._guarded(f"{kind} of `{image_id}` is"):
            return unpack(packed.chunk, packed.shape, packed.dtype), dict(packed.attributes)

    def packed(self, kind: str, image_id: str) -> PackedArray:
        """Read one array of one image as it lies in the file. Its `digest` is 0.

        Raises:
            InputError: If the array is missing or damaged.
        """
        name = f"{kind}/{image_id}"
        with self._guarded(f"{kind} of `{image_id}` is"):
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
                    raise OSError("its values are not those that were written")
            return PackedArray(name, dataset.shape, dataset.dtype, 0, chunk, array, self._attributes_of(dataset, name))

    def image_attributes(self, kind: str, image_id: str) -> dict[str, Any]:
        """Return the attributes of one image's array.

        Raises:
            InputError: If they are missing or damaged.
        """
        name = f"{kind}/{image_id}"
        with self._guarded(f"{kind} of `{image_id}` is"):
            return self._attributes_of(self._dataset(name), name)

    def _attributes_of(self, dataset: h5py.Dataset, name: str) -> dict[str, Any]:
        attributes = dict(dataset.attrs)
        if self._sums is not None and attributes_sum(name, attributes) != self._sums[name].attributes:
            raise OSError("its attributes are not those that were written")
        return attributes

    def _dataset(self, name: str) -> h5py.Dataset:
        try:
            dataset = self.file[name]
        except KeyError as error:  # the name is a broken link
            raise OSError(str(error)) from None
        if not _is_array(dataset):
            raise OSError("it is no array")
        return dataset

    def table(self, name: str) -> np.ndarray:
        """Read a table; strings come as an array of `str` objects."""
        if not self.has(TABLES, name):
            raise InputError(f"{self.path}: holds no table {name}; {rebuild_hint(self.path)}")
        with self._guarded(f"its table {name} is"):
            name = f"{TABLES}/{name}"
            dataset = self._dataset(name)
            text = h5py.check_string_dtype(dataset.dtype) is not None
            values: np.ndarray = dataset.asstr()[()] if text else dataset[()]
            if self._sums is not None:
                content = table_bytes(values.tolist() if text else values)
                kind = "" if text else str(dataset.dtype)
                if content_sum(name, dataset.shape, kind, content) != self._sums[name].content:
                    raise OSError("its values are not those that were written")
            return values

    def tables(self) -> list[str]:
        """List the tables; those of checksums and notes are left out."""
        left_out = {f"{TABLES}/{note}" for note in self.attributes.get("notes", [])} | {CHECKSUMS}
        names = [name.removeprefix(f"{TABLES}/") for name in self._names() if name.startswith(f"{TABLES}/")]
        return [name for name in names if f"{TABLES}/{name}" not in left_out]

    def __getitem__(self, kind: str) -> Kind:
        return Kind(self, kind)

    def __enter__(self) -> ArtifactReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file of this process; it opens again when used again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_process": 0, "_sums": None, "_listed": None}

    def _open(self) -> h5py.File:
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such artifact; build it with `snakemake {self.path}`")
        try:
            # no lock: a reader must not stop the pipeline from replacing the file
            file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise InputError(f"{self.path}: damaged or no HDF5 file ({error}); {rebuild_hint(self.path)}") from None
        with self._guarded("its header is"):
            attributes = dict(file.attrs)
            version, stage = attributes.get("format_version"), attributes.get("stage")
        problem = ""
        if version is None or stage is None:
            problem = "an HDF5 file, but no artifact of wsss"
        elif version not in (FORMAT_VERSION, WITHOUT_CHECKSUMS):
            problem = f"has format version {version}, this package reads {FORMAT_VERSION}"
        elif self.stages is not None and stage not in self.stages:
            file.close()
            wanted = " or ".join(self.stages)
            raise InputError(f"{self.path}: was written by stage {stage}; pass the file of stage {wanted}")
        if problem:
            file.close()
            raise InputError(f"{self.path}: {problem}; {rebuild_hint(self.path)}")
        self._sums = self._listed = None
        if version == FORMAT_VERSION:
            with self._guarded("its header is"):
                self._sums = _checked_sums(file, attributes)
        return file

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Say in one line what HDF5 could not read; its own errors name neither the file nor a remedy."""
        try:
            yield
        # beside those of damage: a table of another type, or whose header points nowhere
        except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError, MemoryError) as error:
            if isinstance(error, InputError):
                raise
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{self.path}: {what} damaged ({reason}); {rebuild_hint(self.path)}") from None


def rebuild_hint(path: Path) -> str:
    """Say how to mend a file: by the workflow if that made it, else by giving another."""
    if "results" in path.parts:
        return f"delete it and build it again with `snakemake {path}`"
    return "replace it, or make it again"


def _filters(packed: PackedArray) -> dict[str, Any]:
    """Return what makes HDF5 undo what was done to the values, or compress them itself where they are no chunk."""
    if packed.chunk is not None:
        return {**_GZIP, "chunks": packed.shape, "shuffle": packed.dtype.itemsize > 1}
    return _GZIP if np.prod(packed.shape) >= SMALLEST_CHUNK else {}


def _is_array(item: Any) -> bool:
    return isinstance(item, h5py.Dataset)


def _root_sum(sums: np.ndarray, attributes: Mapping[str, Any]) -> str:
    """Return the checksum of the table of checksums and of the root attributes."""
    return f"{content_sum(CHECKSUMS, sums.shape, str(sums.dtype), sums.data):08x}{attributes_sum('', attributes):08x}"


def _checked_sums(file: h5py.File, attributes: dict[str, Any]) -> dict[str, Sums]:
    """Read the table of checksums of a file with these root attributes.

    Raises:
        OSError: If the table or the attributes are not those that were written.
    """
    sums = file[CHECKSUMS][()]
    if attributes.pop(CHECKSUM, "") != _root_sum(sums, attributes):
        raise OSError("its attributes or checksums are not those that were written")
    return dict(sorted(unpack_sums(sums).items()))


def _decode(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
