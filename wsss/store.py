"""Artifacts: one HDF5 file per stage, one data set per image and kind, whole or absent. Only this module uses h5py.

Layout: root attributes say where the file came from (see `ArtifactWriter`); `/KIND/IMAGE_ID` holds one array, with
its own attributes if the kind needs them (`cams`: the classes of its planes); `/tables/NAME` holds arrays that describe
all images at once. Any HDF5 browser shows it: the filters are gzip and shuffle, which every build can read. An image's
array is one chunk, for it is always read whole; chunks that HDF5 chooses cut a label map into a dozen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from wsss import __version__
from wsss.chunks import COMPRESSION_LEVEL, SMALLEST_CHUNK, PackedArray, digest, pack
from wsss.errors import InputError

FORMAT_VERSION = 1
TABLES = "tables"
_GZIP = {"compression": "gzip", "compression_opts": COMPRESSION_LEVEL, "shuffle": True}


class ArtifactWriter:
    """Writes an artifact under a temporary name and gives it its final name when the block ends without an error.

    Args:
        path: Final name; its folder is made if needed.
        stage: Name of the stage that writes.
        attributes: Further root attributes; mappings and sequences are stored as JSON.
    """

    def __init__(self, path: str | Path, *, stage: str, attributes: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = self.path.parent / f".{self.path.name}.{os.getpid()}.tmp"
        self._file = h5py.File(self._temporary, "w")
        self._digest = self._table_digest = 0
        header = {"format_version": FORMAT_VERSION, "stage": stage, "package_version": __version__}
        header["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        for name, value in {**header, **(attributes or {})}.items():
            self.set_attribute(name, value)

    def set_attribute(self, name: str, value: Any) -> None:
        """Set a root attribute; values without a type in HDF5 become JSON."""
        plain = isinstance(value, str | int | float | bool)
        self._file.attrs[name] = value if plain else json.dumps(value)

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
        if packed.name in self._file:
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
        self._digest += packed.digest

    def write_table(self, name: str, values: np.ndarray | list[str]) -> None:
        """Store an array, or a list of strings, that describes all images at once."""
        if isinstance(values, list):
            data: Any = np.array(values, dtype=h5py.string_dtype())
            content = json.dumps(values).encode()
        else:
            data, content = values, np.ascontiguousarray(values).tobytes()
        filters = _GZIP if np.size(data) >= SMALLEST_CHUNK else {}
        self._file.create_dataset(f"{TABLES}/{name}", data=data, track_times=False, **filters)
        self._table_digest += digest(f"{TABLES}/{name}", content, np.shape(data), "")

    def copy_from(self, path: Path) -> None:
        """Take over every image of another artifact (a shard of this one) without decoding it."""
        with ArtifactReader(path) as shard:
            for kind in shard.kinds():
                for image_id in shard.ids(kind):
                    name = f"{kind}/{image_id}"
                    parent = self._file.require_group(str(Path(name).parent))
                    shard.file.copy(name, parent, name=Path(name).name)
            self._digest += int(shard.attributes["images_fingerprint"], 16)

    def __setitem__(self, key: tuple[str, str], array: np.ndarray) -> None:
        self.write(*key, array)

    def __enter__(self) -> ArtifactWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.close()
            self._temporary.unlink(missing_ok=True)
            return
        # a sum, so that the order of writing does not matter and shards add up
        self._file.attrs["images_fingerprint"] = f"{self._digest % 2**128:032x}"
        self._file.attrs["fingerprint"] = f"{(self._digest + self._table_digest) % 2**128:032x}"
        self._file.flush()
        self._file.close()
        with self._temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        self._temporary.replace(self.path)


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
        self._stages = (stage,) if isinstance(stage, str) else stage
        self._file: h5py.File | None = None
        self._process = 0
        self._ids: dict[str, list[str]] = {}

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
            return {name: _decode(value) for name, value in self.file.attrs.items()}

    def kinds(self) -> list[str]:
        """List the kinds of arrays that the artifact has per image."""
        with self._guarded("its list of kinds is"):
            return [name for name in self.file if name != TABLES]

    def ids(self, kind: str) -> list[str]:
        """List the image ids that have an array of this kind, sorted."""
        if kind not in self._ids:
            if kind not in self.kinds():
                raise InputError(f"{self.path}: holds no {kind}, only {', '.join(self.kinds()) or 'tables'}")
            found: list[str] = []
            with self._guarded(f"its list of {kind} is"):
                group = self.file[kind]
                group.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
            self._ids[kind] = sorted(found)
        return self._ids[kind]

    def has(self, kind: str, image_id: str) -> bool:
        """Return whether the image has an array of this kind."""
        with self._guarded(f"its list of {kind} is"):
            return f"{kind}/{image_id}" in self.file

    def covers(self, split: str) -> bool:
        """Return whether the artifact is about a split: its attribute `split` names one, or it is about all."""
        return self.attributes.get("split", split) == split

    def read(self, kind: str, image_id: str) -> np.ndarray:
        """Read one array of one image.

        Raises:
            InputError: If the array is missing or damaged.
        """
        if not self.has(kind, image_id):
            raise InputError(f"{self.path}: no {kind} of image `{image_id}`; {rebuild_hint(self.path)}")
        return self._dataset(f"{kind}/{image_id}", f"{kind} of `{image_id}` is")[0]

    def image_attributes(self, kind: str, image_id: str) -> dict[str, Any]:
        """Return the attributes of one image's array.

        Raises:
            InputError: If they are missing or damaged.
        """
        return self._dataset(f"{kind}/{image_id}", f"{kind} of `{image_id}` is")[1]

    def _dataset(self, name: str, what: str) -> tuple[np.ndarray, dict[str, Any]]:
        with self._guarded(what):
            try:
                dataset = self.file[name]
                return dataset[()], dict(dataset.attrs)
            except KeyError as error:  # the name is a broken link
                raise OSError(str(error)) from None

    def table(self, name: str) -> np.ndarray:
        """Read a table; strings come as an array of `str` objects."""
        if not self.has(TABLES, name):
            raise InputError(f"{self.path}: holds no table {name}; {rebuild_hint(self.path)}")
        with self._guarded(f"its table {name} is"):
            dataset = self.file[f"{TABLES}/{name}"]
            return dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]

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
        return {**self.__dict__, "_file": None, "_process": 0}

    def _open(self) -> h5py.File:
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such artifact; build it with `snakemake {self.path}`")
        try:
            # no lock: a reader must not stop the pipeline from replacing the file
            file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise InputError(f"{self.path}: damaged or no HDF5 file ({error}); {rebuild_hint(self.path)}") from None
        with self._guarded("its header is"):
            version, stage = file.attrs.get("format_version"), file.attrs.get("stage")
        problem = ""
        if version is None or stage is None:
            problem = "an HDF5 file, but no artifact of wsss"
        elif version != FORMAT_VERSION:
            problem = f"has format version {version}, this package reads {FORMAT_VERSION}"
        elif self._stages is not None and stage not in self._stages:
            file.close()
            wanted = " or ".join(self._stages)
            raise InputError(f"{self.path}: was written by stage {stage}; pass the file of stage {wanted}")
        if problem:
            file.close()
            raise InputError(f"{self.path}: {problem}; {rebuild_hint(self.path)}")
        return file

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Say in one line what HDF5 could not read; its own errors name neither the file nor a remedy."""
        try:
            yield
        # the last three: a table of another type, or whose header points nowhere
        except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
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


def _decode(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
