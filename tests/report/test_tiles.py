from __future__ import annotations

import numpy as np

from wsss.ops.palette import voc_palette
from wsss.report.tiles import Tiles


def test_tiles_show_background_class_and_ignored_apart():
    tiles = Tiles(np.full((40, 60, 3), 128, np.uint8), voc_palette(), longest=60)
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 20:40], labels[:, 40:] = 1, 255
    drawn = np.asarray(tiles.labels(labels)).astype(int)
    assert (drawn[20, 5] == 64).all()
    red, green, blue = drawn[20, 30]
    assert red > 2 * green == 2 * blue
    assert drawn[:, 45:].std(axis=(0, 1)).min() > 10
    assert (drawn[20, 20] == 245).all()  # the outline towards background
    assert not (drawn[20, 39] == 245).all()  # none towards stripes


def test_tiles_of_odd_sizes():
    for size in ((1, 1), (1, 300), (500, 3)):
        tiles = Tiles(np.zeros((*size, 3), np.uint8), voc_palette(), longest=100)
        assert min(tiles.labels(np.zeros(size, np.uint8)).size) >= 1
        assert tiles.cams(np.zeros((0, 1, 1), np.float16), []).size == tiles.size
