"""Writing files that are whole under their final name, or not there."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch


def write_bytes(path: Path, content: bytes) -> None:
    """Writes beside the final name, flushes to the disk, renames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_torch(path: Path, payload: Mapping[str, Any]) -> None:
    """`torch.save`, whole or not at all; equal content gives equal bytes whatever the file is called."""
    buffer = io.BytesIO()
    torch.save(dict(payload), buffer)
    write_bytes(path, buffer.getbuffer())  # type: ignore[arg-type]


def write_json(path: Path, value: Any) -> None:
    """Indented JSON."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of the rows; its columns are all keys in the order of their first use, absent values empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())
