"""Photographs of many bands and bits, and what reading one is refused with."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from wsss.data.images import decoded_size, read_image
from wsss.data.reading import PLAIN, Reading
from wsss.errors import InputError

RANDOM = np.random.default_rng(5)


def values(bands: int, top: int = 256, *, height: int = 20, width: int = 30) -> np.ndarray:
    return RANDOM.integers(0, top, (height, width, bands)).astype(np.uint8 if top <= 256 else np.uint16)


def tiff(path: Path, array: np.ndarray, **given: Any) -> Path:
    tifffile.imwrite(path, array, **{"photometric": "rgb" if array.shape[-1] in (3, 4) else "minisblack", **given})
    return path


def deep_png(path: Path, array: np.ndarray) -> Path:
    """A PNG of 16 bits of colour, which Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, {3: 2, 4: 6}[array.shape[2]], 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def refusal(path: Path, reading: Reading = PLAIN) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path, reading=reading)
    with pytest.raises(InputError) as again:
        decoded_size(path, path.read_bytes(), reading)
    text = str(caught.value)
    assert str(again.value) == text, "the index must say the same"
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text


def scaled(array: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint((array.astype(float) - low) * 255 / (high - low)).clip(0, 255)


def as_lzw(path: Path, array: np.ndarray, order: str) -> None:
    """A strip of LZW codes without any compression, for tifffile writes none without another package."""
    data = array.astype(f"{order}u2").tobytes()
    bits, codes = [], [256]
    for start in range(0, len(data), 200):
        codes += [*data[start : start + 200], 256]
    codes.append(257)
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    strip = int(bits, 2).to_bytes(len(bits) // 8, "big")
    height, width, _ = array.shape
    tags = [(256, width), (257, height), (258, None), (259, 5), (262, 2), (273, 8), (277, 3), (278, height)]
    tags.append((279, len(strip)))
    where = 8 + len(strip) + len(strip) % 2
    depths = where + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, value in tags:
        kind, count, held = (3, 3, depths) if value is None else (4, 1, value)
        entries += struct.pack(f"{order}HHII", tag, kind, count, held)
    content = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, where) + strip
    content += b"\0" * (len(strip) % 2) + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)
    path.write_bytes(content + struct.pack(f"{order}HHH", 16, 16, 16))
