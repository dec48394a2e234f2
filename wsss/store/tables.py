"""The tables of an artifact: written, read and held against their checksums, whole or in blocks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from zlib import crc32

import h5py
import numpy as np

from wsss.checksums import array_bytes, content_sum, table_bytes
from wsss.chunks import SMALLEST_CHUNK
from wsss.store.blocks import BLOCK, READ_AT_ONCE, Blocks
from wsss.store.layout import GZIP, kind_of
from wsss.store.sums import SumTable
from wsss.store.texts import BLOCK as TEXTS_AT_ONCE
from wsss.store.texts import Texts

OTHER_VALUES = "its values are not those that were written"


def read_table(dataset: h5py.Dataset, name: str, sums: SumTable | None) -> np.ndarray | Texts:
    """Read a whole table; strings come without an object for each.

    Args:
        dataset: The table.
        name: Its name in the file.
        sums: Checksums of the file; None for a file of a version without.

    Raises:
        OSError: If its values are not those that were written.
    """
    values: np.ndarray = dataset[()]
    texts = None
    if h5py.check_string_dtype(dataset.dtype) is not None:
        # texts of any length, as earlier versions wrote them, come as objects
        texts = Texts(np.array(values.tolist(), np.bytes_) if values.dtype == object else values)
    if sums is not None:
        kind, content = kind_of(values.dtype), array_bytes(values) if values.dtype != object else b""
        if texts is not None and sums.text_as_json:
            kind, content = "", table_bytes(list(texts))
        if content_sum(name, values.shape, kind, content) != sums[name].content:
            raise OSError(OTHER_VALUES)
    return values if texts is None else texts


def checked_rows(dataset: h5py.Dataset, name: str, sums: SumTable | None) -> Blocks:
    """Return a table that stays in the file, after a look at all of it. Takes and raises what `read_table` does."""
    text = h5py.check_string_dtype(dataset.dtype) is not None
    of_before = text and (sums is None or sums.text_as_json or dataset.dtype == object)
    if of_before or len(dataset) <= READ_AT_ONCE:
        table = read_table(dataset, name, sums)
        return Blocks(table.values if isinstance(table, Texts) else table)
    for block in read_blocks(dataset, name, sums):
        if text:
            block.tobytes().decode()
    return Blocks(dataset)


def read_blocks(dataset: h5py.Dataset, name: str, sums: SumTable | None) -> Iterator[np.ndarray]:
    """Yield a table in blocks of rows, texts as bytes of one length, which they must have in the file.

    Takes and raises what `read_table` does, after the last block.
    """
    found = content_sum(name, dataset.shape, kind_of(dataset.dtype), b"")
    # whole chunks of HDF5, or one would be unpacked for two blocks
    chunk = dataset.chunks[0] if dataset.chunks else max(len(dataset), 1)
    rows = chunk * max(1, READ_AT_ONCE // chunk)
    for start in range(0, len(dataset), rows):
        block = dataset[start : start + rows]
        found = crc32(array_bytes(block), found)
        yield block
    if sums is not None and found != sums[name].content:
        raise OSError(OTHER_VALUES)


def write_rows(
    file: h5py.File, name: str, blocks: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> int:
    """Write a table in pieces.

    Args:
        file: The artifact.
        name: Name of the table in it.
        blocks: Its rows in order, in pieces of any length.
        shape: Of the whole.
        dtype: Of the whole.

    Returns:
        The CRC-32 of its content.

    Raises:
        ValueError: If there are more or fewer rows.
    """
    chunked = math.prod(shape) >= SMALLEST_CHUNK
    filters = {**GZIP, "chunks": (min(shape[0], BLOCK), *shape[1:])} if chunked else {}
    dataset = file.create_dataset(name, shape, dtype, track_times=False, **filters)
    content, row = content_sum(name, shape, kind_of(dtype), b""), 0
    for block in blocks:
        if len(block):
            dataset[row : row + len(block)] = block
        content, row = crc32(array_bytes(block), content), row + len(block)
    if row != shape[0]:
        raise ValueError(f"{name} has {row} rows, not {shape[0]}")
    return content


def text_blocks(texts: Iterable[str], dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    """Yield texts as arrays (M,) of this type."""
    for block in _in_blocks(texts):
        yield np.array([text.encode() for text in block], dtype)


def json_pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """Yield the JSON of a list of texts in pieces."""
    start = "["
    for block in _in_blocks(texts):
        yield (start + json.dumps(block)[1:-1]).encode()
        start = ", "
    yield b"[]" if start == "[" else b"]"


def _in_blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    each = iter(texts)
    while block := list(islice(each, TEXTS_AT_ONCE)):
        yield block
