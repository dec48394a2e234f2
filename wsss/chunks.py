"""Arrays packed for a file while others compute: shuffled, compressed and hashed in whatever thread asks for it.

Compression is the larger part of writing an artifact, and zlib and hashlib release the interpreter's lock. What is left
for `wsss.store` is to copy finished bytes into the file. They are what HDF5's own filters shuffle and gzip make of an
array in one chunk, so that any reader of HDF5 undoes them.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

COMPRESSION_LEVEL = 4
SMALLEST_CHUNK = 65
"""Values from which compression is worth its overhead."""
LARGEST_CHUNK = 2**32 - 1
"""Bytes that a chunk of HDF5 can have."""


@dataclass(frozen=True)
class PackedArray:
    """An array that is ready to be written, under the name that it gets in the file.

    Attributes:
        name: `KIND/IMAGE_ID`.
        shape: Of the array.
        dtype: Of the array.
        digest: Of name, shape, type and values, below 2^128.
        chunk: The values as one chunk, compressed; None where they are stored as they are, or in several chunks.
        array: The values, where there is no chunk.
        attributes: Attributes of the array in the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    digest: int
    chunk: bytes | None
    array: np.ndarray | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def pack(kind: str, image_id: str, array: np.ndarray, attributes: Mapping[str, Any] | None = None) -> PackedArray:
    """Compress and hash one array of one image. The array must not change meanwhile.

    Args:
        kind: The kind of array.
        image_id: The image.
        array: Of any shape, and any type of fixed size.
        attributes: Attributes that the array gets in the file.
    """
    name, array = f"{kind}/{image_id}", np.ascontiguousarray(array)
    one_chunk = array.size >= SMALLEST_CHUNK and array.nbytes <= LARGEST_CHUNK
    return PackedArray(
        name=name,
        shape=array.shape,
        dtype=array.dtype,
        digest=digest(name, array, array.shape, str(array.dtype)),
        chunk=zlib.compress(_shuffled(array).data, COMPRESSION_LEVEL) if one_chunk else None,
        array=None if one_chunk else array,
        attributes=attributes or {},
    )


def unpack(chunk: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Undo the compression of `pack`.

    Args:
        chunk: The compressed bytes.
        shape: Of the array.
        dtype: Of the array.

    Raises:
        ValueError: If the bytes are damaged.
    """
    try:
        content = np.frombuffer(bytearray(zlib.decompress(chunk)), np.uint8)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if dtype.itemsize > 1:
        content = np.ascontiguousarray(content.reshape(dtype.itemsize, -1).T)
    return content.reshape(-1).view(dtype).reshape(shape)


def digest(name: str, content: bytes | np.ndarray, shape: tuple[int, ...], dtype: str) -> int:
    """Return a number below 2^128 for a named array; sums of such numbers are the fingerprints of artifacts."""
    hashed = begun_digest(name, shape, dtype)
    hashed.update(_bytes_of(content).data if isinstance(content, np.ndarray) else content)
    return int.from_bytes(hashed.digest())


def begun_digest(name: str, shape: tuple[int, ...], dtype: str) -> hashlib.blake2b:
    """Return the hash of the same number before any content, which may follow in pieces."""
    return hashlib.blake2b(f"{name}|{shape}|{dtype}|".encode(), digest_size=16)


def _bytes_of(array: np.ndarray) -> np.ndarray:
    """View a contiguous array as its bytes (N,) uint8."""
    return array.reshape(-1).view(np.uint8)


def _shuffled(array: np.ndarray) -> np.ndarray:
    """Return first the first bytes of all values, then the second bytes, and so on: the filter `shuffle` of HDF5."""
    if array.itemsize == 1:
        return _bytes_of(array)
    return np.ascontiguousarray(_bytes_of(array).reshape(-1, array.itemsize).T)
