from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from wsss.errors import InputError
from wsss.models.mxnet_file import ARRAY_V1, ARRAY_V2, LIST_MAGIC, read_params


def array(value: np.ndarray, generation: int) -> bytes:
    """An array as MXNet's generations wrote it."""
    if generation == 0:
        head = struct.pack(f"<I{value.ndim}I", value.ndim, *value.shape)
    elif generation == 1:
        head = struct.pack(f"<II{value.ndim}q", ARRAY_V1, value.ndim, *value.shape)
    else:
        head = struct.pack(f"<IiI{value.ndim}q", ARRAY_V2, 0, value.ndim, *value.shape)
    kind = {"float32": 0, "float16": 2}[value.dtype.name]
    return head + struct.pack("<iii", 1, 0, kind) + value.tobytes()


def params(arrays: dict[str, np.ndarray], generation: int) -> bytes:
    names = b"".join(struct.pack("<Q", len(name)) + name.encode() for name in arrays)
    body = b"".join(array(value, generation) for value in arrays.values())
    count_of = struct.pack("<Q", len(arrays))
    return struct.pack("<QQ", LIST_MAGIC, 0) + count_of + body + count_of + names


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_arrays_of_mxnet_are_read(generation: int, tmp_path: Path) -> None:
    arrays = {"arg:a_weight": np.arange(6, dtype=np.float32).reshape(2, 3, 1), "aux:b": np.ones(4, np.float16)}
    path = tmp_path / "a.params"
    path.write_bytes(params(arrays, generation))
    found = read_params(path)
    assert list(found) == list(arrays)
    assert all(
        found[name].dtype == value.dtype and np.array_equal(found[name], value) for name, value in arrays.items()
    )
    path.write_bytes(params(arrays, generation)[:-3])
    with pytest.raises(InputError, match="cut short"):
        read_params(path)
    path.write_bytes(b"PK" * 40)
    with pytest.raises(InputError, match=r"not a \.params file of MXNet"):
        read_params(path)
