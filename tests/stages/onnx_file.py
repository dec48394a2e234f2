"""Writes a tiny ONNX network by hand, in the wire format of protocol buffers, so that tests need no such package."""

from __future__ import annotations

from pathlib import Path

FLOAT, INTS, INT64 = 1, 7, 2


def write_brightness_network(path: Path, side: int = 320) -> Path:
    """A network in the shape of U2-Net: (1, 3, side, side) float to (1, 1, side, side), the mean of the channels."""
    axes = _text(1, "axes") + _number(8, 1) + _number(20, INTS)
    keep = _text(1, "keepdims") + _number(3, 1) + _number(20, INT64)
    node = _text(1, "image") + _text(2, "map") + _text(4, "ReduceMean") + _bytes(5, axes) + _bytes(5, keep)
    graph = _bytes(1, node) + _text(2, "brightness")
    graph += _bytes(11, _value("image", (1, 3, side, side))) + _bytes(12, _value("map", (1, 1, side, side)))
    path.write_bytes(_number(1, 7) + _bytes(7, graph) + _bytes(8, _number(2, 13)))
    return path


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_bytes(1, _number(1, size)) for size in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, FLOAT) + _bytes(2, dimensions)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
