"""Checkpoints as safetensors: the same content without a pickle, as hubs of networks like it.

The weights are the file's tensors. All else stands in its metadata, as JSON under `wsss`, with a digest of the weights.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

SUFFIX = ".safetensors"
ENTRY = "wsss"
"""Name of our entry in the metadata."""
_DIGEST = "weights_sha256"
_MOST_HEADER = 2**26


def safetensors_bytes(payload: Mapping[str, Any]) -> bytes:
    """Return the content of a checkpoint (`training.checkpoint`) as the bytes of a safetensors file."""
    from safetensors.torch import save

    weights: dict[str, Tensor] = {name: tensor.contiguous() for name, tensor in payload["weights"].items()}
    about = {key: value for key, value in payload.items() if key != "weights"} | {_DIGEST: _digest(weights)}
    return save(weights, {"format": "pt", ENTRY: json.dumps(about)})


def read_safetensors(path: Path) -> dict[str, Any]:
    """Read a checkpoint from a safetensors file; errors are those of `parse_safetensors`."""
    return parse_safetensors(path.read_bytes())


def parse_safetensors(content: bytes) -> dict[str, Any]:
    """Return the content of a checkpoint from the bytes of a safetensors file.

    Raises:
        ValueError: If it is not as it was written, or not of this program.
        Exception: Any error of the package that reads it.
    """
    from safetensors.torch import load

    about = _description(io.BytesIO(content))
    if about is None:
        raise ValueError("it was not written by wsss")
    weights = load(content)
    if about.pop(_DIGEST, None) != _digest(weights):
        raise ValueError("it is not as it was written")
    return {**about, "weights": weights}


def description_in(path: Path) -> dict[str, Any] | None:
    """Return what a safetensors file says of itself beside its weights; None where it is not of this program."""
    try:
        with path.open("rb") as handle:
            return _description(handle)
    except OSError:
        return None


def _description(handle: BinaryIO) -> dict[str, Any] | None:
    try:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = json.loads(handle.read(min(length, _MOST_HEADER)))
        about = json.loads(header["__metadata__"][ENTRY])
    except (ValueError, KeyError, TypeError, struct.error, RecursionError):
        return None
    return about if isinstance(about, dict) else None


def _digest(weights: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
