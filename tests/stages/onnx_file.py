"""Writes a tiny ONNX network by hand, in the wire format of protocol buffers, so that tests need no such package."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
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


def write_uniform_network(path: Path, class_names: Sequence[str], output: str = "probabilities") -> Path:
    """A network in the form of our exports: (N, H, W, 3) uint8 to (N, K, H, W) float, the red share for every class."""
    count = len(class_names)
    names = ("pixels", "planes", "red", "scaled")
    nodes = [
        _node("Cast", ["images"], names[0], _number(3, 1) + _number(20, INT64), "to"),
        _node(
            "Transpose",
            [names[0]],
            names[1],
            b"".join(_number(8, axis) for axis in (0, 3, 1, 2)) + _number(20, INTS),
            "perm",
        ),
        _node("Gather", [names[1], "places"], names[2], _number(3, 1) + _number(20, INT64), "axis"),
        _node("Div", [names[2], "white"], output),
    ]
    graph = b"".join(_bytes(1, node) for node in nodes) + _text(2, "uniform")
    graph += _bytes(5, _tensor("places", 7, [count], b"".join(bytes(8) for _ in range(count))))
    graph += _bytes(5, _tensor("white", FLOAT, [], struct.pack("<f", 255.0)))
    graph += _bytes(11, _value("images", (0, 0, 0, 3), 2)) + _bytes(12, _value(output, (0, count, 0, 0)))
    about = {"wsss_format": "1", "kind": "made by hand", "class_names": json.dumps(list(class_names))}
    entries = b"".join(_bytes(14, _text(1, key) + _text(2, value)) for key, value in about.items())
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13)) + entries)
    return path


def _node(operation: str, inputs: list[str], output: str, attribute: bytes = b"", name: str = "") -> bytes:
    parts = b"".join(_text(1, item) for item in inputs) + _text(2, output) + _text(4, operation)
    return parts + (_bytes(5, _text(1, name) + attribute) if name else b"")


def _tensor(name: str, kind: int, shape: list[int], content: bytes) -> bytes:
    return b"".join(_number(1, side) for side in shape) + _number(2, kind) + _text(8, name) + _bytes(9, content)


def _value(name: str, shape: tuple[int, ...], kind: int = FLOAT) -> bytes:
    """Describe an input or output; a side of 0 may vary."""
    dimensions = b"".join(_bytes(1, _number(1, size) if size else _text(2, f"any{i}")) for i, size in enumerate(shape))
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dimensions)))


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
