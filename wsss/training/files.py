"""Write checkpoints and states, whole under their final name or not at all; read them if they are as written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wsss.checksums import seal_zip, zip_is_damaged
from wsss.files import write_bytes


def write_torch(path: Path, payload: Mapping[str, Any]) -> None:
    """Write as `torch.save` does, with a digest of all bytes at the end; `torch.load` reads it as any other file.

    Equal content gives equal bytes under any name of the file.
    """
    buffer = io.BytesIO()
    torch.save(dict(payload), buffer)
    seal_zip(buffer)
    write_bytes(path, buffer.getbuffer())


def read_torch(path: Path) -> Any:
    """Read a file without running code in it, after its digest is compared with its bytes where it has one.

    Raises:
        ValueError: If it is not as it was written.
        Exception: Any error of torch's unpickler.
    """
    if zip_is_damaged(path):
        raise ValueError("it is not as it was written")
    return torch.load(path, map_location="cpu", weights_only=True)
