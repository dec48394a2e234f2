"""Write files whole or not at all: text, bytes, JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from wsss.checksums import json_is_damaged, seal_json
from wsss.disk import RawFile, writing
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.temporary import temporary_name

_REBUILD = "delete it and build it again with `wsss run CONFIG {}`"


@contextmanager
def replacing(path: Path, size: int = 0) -> Iterator[Path]:
    """Give a temporary path beside the final one; at the end, flush the file to the disk and rename it.

    After an error in the block or in the flush, what lay there before is as it was, and the temporary file is gone.

    Args:
        path: Final name; its folder is made if needed.
        size: Bytes that it takes about, for messages; 0 where that is not known.

    Raises:
        InputError: If the disk is full, fails or may not be written to.
    """
    temporary = temporary_name(path)
    with writing(path, size):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | bytearray | memoryview) -> None:
    """Write bytes."""
    with replacing(path, len(content)) as temporary, RawFile(temporary) as file:
        file.write(content)


def encoded(picture: Any, form: str, **options: Any) -> bytes:
    """Encode a picture of Pillow in memory: on a full disk, its encoders do not say what is wrong."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any, *, digits: int | None = None) -> None:
    """Write JSON; lists of numbers and of short records stay on one line each.

    Args:
        path: The file.
        content: Mappings, sequences, arrays and plain values; NaN and infinity become null. A mapping gets one more
            entry, `sha256`: the digest of what stands before it.
        digits: Digits after the point to which numbers are rounded; None rounds none.
    """
    text = _indented(plain(content, digits)) + "\n"
    write_text(path, seal_json(text) if text.startswith("{") else text)


def read_json(path: Path) -> Any:
    """Read JSON; what `write_json` wrote is compared with its digest, which is left out.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is damaged, or is no file.
    """
    check_regular(path)
    try:
        text = path.read_bytes().decode()
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); {_REBUILD.format(path)}") from None
    if json_is_damaged(text):
        raise InputError(f"{path}: damaged (it is not as it was written); {_REBUILD.format(path)}")
    if isinstance(content, dict):
        content.pop("sha256", None)
    return content


def write_csv(
    path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = (), *, digits: int | None = None
) -> None:
    """Write a table; missing values of a row stay empty.

    Args:
        path: The file.
        rows: The lines, by column.
        columns: Their order; none takes all columns in the order of their first use.
        digits: Digits after the point to which numbers are rounded; None rounds none.
    """
    with CsvWriter(path, columns or list(dict.fromkeys(key for row in rows for key in row)), digits=digits) as table:
        for row in rows:
            table.write(row)


class CsvWriter:
    """Writes a table row by row. The file gets its final name when the block ends without an error.

    Args:
        path: The file.
        columns: In order; other entries of a row are left out.
        digits: Digits after the point to which numbers are rounded; None rounds none.
    """

    def __init__(self, path: Path, columns: Iterable[str], *, digits: int | None = None) -> None:
        self._path, self._columns, self._digits = path, list(columns), digits

    def __enter__(self) -> CsvWriter:
        with ExitStack() as stack:
            # closing the file may fail as well, on a full disk: then nothing is left of it
            temporary = stack.enter_context(replacing(self._path))
            buffer = io.BufferedWriter(stack.enter_context(RawFile(temporary)))
            handle = stack.enter_context(io.TextIOWrapper(buffer, encoding="utf-8", newline=""))
            self._writer = csv.DictWriter(handle, self._columns, extrasaction="ignore", lineterminator="\n")
            self._writer.writeheader()
            self._stack = stack.pop_all()
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        values = plain(row, self._digits)
        self._writer.writerow({key: "" if value is None else value for key, value in values.items()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def plain(value: Any, digits: int | None = None) -> Any:
    """Turn a value into types that JSON knows; NaN and infinity become None, floats are rounded if digits are given."""
    if isinstance(value, Mapping):
        return {str(key): plain(item, digits) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), digits)
    if isinstance(value, list | tuple):
        return [plain(item, digits) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if not math.isfinite(value) else value if digits is None else round(value, digits)
    return value


def _indented(value: Any, depth: int = 0) -> str:
    if isinstance(value, dict) and value and (depth < 3 or any(isinstance(v, dict | list) for v in value.values())):
        inner = (f"{json.dumps(key)}: {_indented(item, depth + 1)}" for key, item in value.items())
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        inner = (_indented(item, depth + 1) for item in value)
    else:
        return json.dumps(value, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    space = "  " * (depth + 1)
    return opening + "\n" + ",\n".join(space + line for line in inner) + "\n" + "  " * depth + closing
