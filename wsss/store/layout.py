"""The layout of an artifact: its version, names, filters and checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from wsss.checksums import attributes_sum
from wsss.chunks import COMPRESSION_LEVEL, SMALLEST_CHUNK, PackedArray
from wsss.store.sums import CHECKSUMS, SumTable
from wsss.store.texts import text_type

FORMAT_VERSION = 3
READ_TOO = (1, 2)
"""Format versions of before: 1 has no checksums, 2 has them as JSON, which opens slowly where images are many."""
WITHOUT_CHECKSUMS = 1
HDF5 = "v110"
"""The oldest version of HDF5 that reads what is written, 1.10. Its layout has checksums of all that says where and how
long things are, but text of any length. What has none, HDF5 believes, and may crash or hang on damage."""
TABLES = "tables"
CHECKSUM = "checksum"
PARTS = "parts"
"""Root attribute of an artifact of parts: their files, relative to its folder, with their fingerprints."""
GZIP = {"compression": "gzip", "compression_opts": COMPRESSION_LEVEL, "shuffle": True}


METADATA_BYTES = 2**16
"""Room for HDF5's own structures, each of which is needed once. Its default grows to 2 MB, which become 30 on the heap,
as 256 kB become 4, in each file; reading and writing are as fast with less."""
CHUNK_BYTES = 2**18
"""Room for chunks that were read, of which none is read twice. The default is 8 MB for each table since HDF5 2.0."""


def bound_metadata(file: h5py.File) -> None:
    """Let HDF5 keep little of its structures in memory, so that memory does not grow with the number of images."""
    cache = file.id.get_mdc_config()
    cache.set_initial_size = True
    cache.initial_size = cache.min_size = cache.max_size = METADATA_BYTES
    file.id.set_mdc_config(cache)


def rebuild_hint(path: Path) -> str:
    """Say how to mend a file: by the workflow if that made it, else by giving another."""
    if "results" in path.parts:
        return f"delete it and build it again with `wsss run CONFIG {path}`"
    return "replace it, or make it again"


def filters_of(packed: PackedArray) -> dict[str, Any]:
    """Return what makes HDF5 undo what was done to the values, or compress them itself where they are no chunk."""
    if packed.chunk is not None:
        return {**GZIP, "chunks": packed.shape, "shuffle": packed.dtype.itemsize > 1}
    return GZIP if np.prod(packed.shape) >= SMALLEST_CHUNK else {}


def is_array(item: Any) -> bool:
    """Tell whether an item of HDF5 is an array, not a group."""
    return isinstance(item, h5py.Dataset)


def attributes_of(item: h5py.HLObject) -> dict[str, Any]:
    """Read the attributes of an item; text comes as `str`."""
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in item.attrs.items()}


def set_attribute(item: h5py.HLObject, name: str, value: Any) -> None:
    """Set an attribute. Text gets a fixed length: text of any length lies in a heap of HDF5 that has no checksums."""
    if isinstance(value, str):
        text = value.encode()
        item.attrs.create(name, np.bytes_(text), dtype=text_type(len(text)))
    else:
        item.attrs[name] = value


def kind_of(dtype: np.dtype) -> str:
    """Return the type of a table for its checksum, without what h5py notes beside the type of texts."""
    return dtype.str if dtype.kind in "SV" else str(dtype)


def root_sum(sums: int, attributes: Mapping[str, Any]) -> str:
    """Return the checksum of the root attributes and of the table of checksums, of which `sums` is the CRC-32."""
    return f"{sums:08x}{attributes_sum('', attributes):08x}"


def checked_sums(file: h5py.File, attributes: dict[str, Any]) -> SumTable:
    """Return the table of checksums of a file with these root attributes.

    Raises:
        OSError: If the table or the attributes are not those that were written.
    """
    expected, table = attributes.pop(CHECKSUM, ""), SumTable.of(file[CHECKSUMS])
    if expected != root_sum(table.content, attributes):
        raise OSError("its attributes or checksums are not those that were written")
    return table


def decoded(value: Any) -> Any:
    """Return an attribute as it was given to the writer: a plain value, or what was stored as JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
