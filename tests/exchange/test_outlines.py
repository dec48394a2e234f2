from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from wsss.exchange.outlines import RUN_BITS, brush, outlines


def drawn(lines: list[np.ndarray], size: tuple[int, int], scale: int = 8) -> np.ndarray:
    """Fill outlines, finely, and tell which pixels are mostly inside."""
    picture = Image.new("1", (size[1] * scale, size[0] * scale))
    for line in lines:
        ImageDraw.Draw(picture).polygon([(x * scale - 0.5, y * scale - 0.5) for x, y in line], fill=1)
    return np.asarray(picture).reshape(size[0], scale, size[1], scale).mean((1, 3)) > 0.5


def unpacked(code: list[int]) -> np.ndarray:
    """Undo Label Studio's brush, as its converter does: the values of all channels of all pixels."""
    bits = "".join(f"{byte:08b}" for byte in code)
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    number, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < number:
        is_run, length = read(1), 0
        length = read(sizes[read(2)]) + 1
        values += [read(word)] * length if is_run else [read(word) for _ in range(length)]
    return np.array(values, np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    """A disc with a hole, a bar at the border of the image, and a single pixel."""
    y, x = np.mgrid[:60, :90]
    distance = np.hypot(y - 30, x - 30)
    mask = (distance < 20) & (distance > 8)
    mask[5:15, 70:] = True
    mask[50, 80] = True
    return mask


def test_outlines_cover_what_they_were_drawn_around(mask: np.ndarray):
    lines = list(outlines(mask))
    assert len(lines) == 3
    found = drawn(lines, mask.shape)
    overlap = (found & mask).sum() / (found | mask).sum()
    assert overlap > 0.97
    assert not found[30, 30], "the hole is cut out"
    assert all(line.min() >= 0 and line[:, 0].max() <= 90 and line[:, 1].max() <= 60 for line in lines)


def test_nothing_has_no_outline():
    assert list(outlines(np.zeros((4, 5), bool))) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (60, 90), (300, 200)])
def test_a_brush_is_read_back_bit_for_bit(size: tuple[int, int]):
    random = np.random.default_rng(0)
    for mask in (np.zeros(size, bool), np.ones(size, bool), random.random(size) < 0.5):
        found = unpacked(brush(mask)).reshape(*size, 4)
        assert np.array_equal(found, np.repeat(mask[..., None] * np.uint8(255), 4, axis=2))
    assert max(RUN_BITS) == 16
