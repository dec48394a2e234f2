"""Reading the arrays of a `.params` file of MXNet without MXNet.

The format (`NDArray::Save` and `NDArray::LegacyLoad` in MXNet's source): a list of arrays and the list of their names,
little-endian. Three generations of array headers are in use; sparse arrays are not read.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from wsss.errors import InputError
from wsss.inputs import check_regular

LIST_MAGIC = 0x112
ARRAY_V1, ARRAY_V2, ARRAY_V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
TYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "u1", 4: "<i4", 5: "i1", 6: "<i8"}


def read_params(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file by name, e.g. `arg:conv1a_weight`.

    Raises:
        InputError: If the file is missing, cut short, or of another format.
    """
    check_regular(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path of the weights") from None
    try:
        return _Reader(content).arrays()
    except (struct.error, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a .params file of MXNet, or cut short ({error}); download it again") from None


class _Reader:
    """A cursor over the bytes of a file."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def arrays(self) -> dict[str, np.ndarray]:
        magic, _ = self._numbers("<QQ")
        if magic != LIST_MAGIC:
            raise ValueError(f"begins with {magic:#x}")
        arrays = [self._array() for _ in range(self._numbers("<Q")[0])]
        names = [self._bytes(self._numbers("<Q")[0]).decode() for _ in range(self._numbers("<Q")[0])]
        if len(names) != len(arrays):
            raise ValueError(f"{len(arrays)} arrays with {len(names)} names")
        return dict(zip(names, arrays, strict=True))

    def _array(self) -> np.ndarray:
        (magic,) = self._numbers("<I")
        if magic in (ARRAY_V2, ARRAY_V3):
            if self._numbers("<i")[0] != 0:
                raise ValueError("holds a sparse array")
            shape = self._numbers(f"<{self._numbers('<I')[0]}q")
        elif magic == ARRAY_V1:
            shape = self._numbers(f"<{self._numbers('<I')[0]}q")
        else:
            # the first generation has no magic number: this is the number of dimensions
            if magic > 32:
                raise ValueError(f"an array begins with {magic:#x}")
            shape = self._numbers(f"<{magic}I")
        _device, _index, kind = self._numbers("<iii")
        dtype = np.dtype(TYPES[kind])
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self._bytes(count * dtype.itemsize), dtype).reshape(shape)

    def _numbers(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self._bytes(struct.calcsize(layout)))

    def _bytes(self, count: int) -> bytes:
        part = self._content[self._place : self._place + count]
        if len(part) != count:
            raise ValueError("ends too early")
        self._place += count
        return part
