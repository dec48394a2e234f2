"""Write checkpoints and states, whole under their final name or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wsss.files import write_bytes


def write_torch(path: Path, payload: Mapping[str, Any]) -> None:
    """Write as `torch.save` does; equal content gives equal bytes under any name of the file."""
    buffer = io.BytesIO()
    torch.save(dict(payload), buffer)
    write_bytes(path, buffer.getbuffer())
