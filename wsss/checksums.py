"""Checksums of what is read again: arrays and attributes of artifacts, checkpoints, JSON files.

An artifact's sums are CRC-32: of each array as it lies in the file (compressed), and of its attributes. A CRC-32 sees
every damage within 32 bits, and any other but one in four billion. Checkpoints and JSON files are sealed: their last
bytes hold a SHA-256 of all bytes before. Files without sums, of earlier versions, are read as they are.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_SEAL = b"wsss-sha256:"
_SEAL_BYTES = len(_SEAL) + 64
_ZIP_END = 22
"""Bytes of the last record of a ZIP file that has no comment."""
DIGEST_BYTES = 16
_JSON_SEAL = '"sha256": "'


@dataclass(frozen=True)
class Sums:
    """Checksums of one array of an artifact.

    Attributes:
        content: Of its type, shape and bytes.
        attributes: Of its attributes.
        packed: Whether the bytes are those of its one compressed chunk, as it lies in the file.
    """

    content: int
    attributes: int
    packed: bool


def content_sum(name: str, shape: tuple[int, ...], dtype: str, content: bytes | memoryview) -> int:
    """Return the CRC-32 of a named array: of its shape, type and bytes."""
    return zlib.crc32(content, zlib.crc32(f"{name}|{tuple(map(int, shape))}|{dtype}|".encode()))


def attributes_sum(name: str, attributes: Mapping[str, Any]) -> int:
    """Return the CRC-32 of the attributes of a thing, given as Python's values or as HDF5 returns them."""
    found = zlib.crc32(name.encode())
    for key in sorted(attributes):
        found = zlib.crc32(key.encode() + b"\0" + _value_bytes(attributes[key]), found)
    return found


def _value_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return b"s" + value.encode()
    array = np.asarray(value)
    if array.dtype.kind in "OUS":
        return b"j" + json.dumps(array.tolist(), default=str).encode()
    return f"{array.dtype.str}{array.shape}".encode() + array.tobytes()


def array_bytes(array: np.ndarray | None) -> memoryview:
    """View an array, which must be there, as its bytes."""
    assert array is not None
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def table_bytes(values: np.ndarray | list[str]) -> bytes:
    """Return the bytes of a table that its checksum and its digest are of."""
    return json.dumps(values).encode() if isinstance(values, list) else np.ascontiguousarray(values).tobytes()


def bytes_digest(content: bytes) -> bytes:
    """Return the BLAKE2b digest of the bytes of a file, `DIGEST_BYTES` long."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def file_digest(path: Path) -> str:
    """Return the same digest of a file, in hexadecimal; the file may be larger than the memory."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()


def file_digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the digests of files by their names, to be kept in a file beside them; what is not there is left out."""
    return {path.name: file_digest(path) for path in paths if path.is_file()}


def seal_zip(buffer: io.BytesIO) -> None:
    """Give a ZIP file in memory (as `torch.save` writes it) the digest of its bytes as its comment.

    Any program that reads ZIP files reads it.
    """
    end = buffer.seek(-_ZIP_END, os.SEEK_END)
    assert buffer.getbuffer()[end : end + 4] == b"PK\5\6", "a ZIP file without a comment"
    buffer.seek(-2, os.SEEK_END)
    buffer.write(_SEAL_BYTES.to_bytes(2, "little"))
    buffer.write(_SEAL + hashlib.sha256(buffer.getbuffer()).hexdigest().encode())


def zip_is_damaged(path: Path) -> bool:
    """Return whether a sealed file has other bytes than were written; False if it is not sealed."""
    with path.open("rb") as handle:
        end = handle.seek(0, 2) - _SEAL_BYTES
        handle.seek(max(end, 0))
        seal = handle.read(_SEAL_BYTES)
        if end < 0 or not seal.startswith(_SEAL):
            return False
        found, left = hashlib.sha256(), end
        handle.seek(0)
        while left:
            part = handle.read(min(left, 2**20))
            if not part:
                break
            found.update(part)
            left -= len(part)
    return seal != _SEAL + found.hexdigest().encode()


def seal_json(text: str) -> str:
    """Return the text of a JSON object with the digest of all before as its last entry, `sha256`."""
    body = text.rstrip()
    assert body.startswith("{") and body.endswith("}"), "a JSON object"
    head = body[:-1].rstrip()
    head += f"{'' if head == '{' else ','}\n  {_JSON_SEAL}"
    return f'{head}{hashlib.sha256(head.encode()).hexdigest()}"\n}}\n'


def json_is_damaged(text: str) -> bool:
    """Return whether a sealed JSON text differs from what was written; False if it is not sealed."""
    head, seal, rest = text.rpartition(_JSON_SEAL)
    if not seal:
        return False
    return rest != f'{hashlib.sha256((head + seal).encode()).hexdigest()}"\n}}\n'
