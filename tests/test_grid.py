from __future__ import annotations

import csv
from pathlib import Path

import pytest

from wsss.grid import GRID, PIXELS, FeatureGrid, snapped, snapped_size

VOC = Path(__file__).parent / "data/voc2012_2007_sizes.csv"
"""How many of the 632 photographs of VOC 2012 whose names begin with 2007 have which size."""
SCALES = (0.5, 1.0, 1.5, 2.0)
"""Those of AuxSegNet's CAMs."""


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, 32), (15.9, 32), (32, 32), (47.9, 32), (48, 64), (321, 320), (375, 384), (500, 512), (500 * 0.5, 256)],
)
def test_lengths_snap_to_the_nearest_multiple(length: float, expected: int) -> None:
    assert snapped(length) == expected


def test_no_length_from_one_step_on_is_distorted_by_more_than_half_a_step() -> None:
    for tenths in range(1, 20_000):
        found = snapped(tenths / 10)
        assert found % GRID == 0
        assert found > 0
        assert tenths < 10 * GRID or abs(found - tenths / 10) <= GRID / 2


def test_sizes_snap_after_they_are_scaled() -> None:
    assert snapped_size((375, 500)) == (384, 512)
    assert snapped_size((375, 500), 0.5) == (192, 256)
    # 384 x 1.5 is 576, but 375 x 1.5 is 562.5
    assert snapped_size((375, 500), 1.5) == (576, 736)
    assert snapped_size((1, 5), 0.5) == (32, 32)


def test_few_shapes_occur() -> None:
    with VOC.open(encoding="utf-8", newline="") as file:
        rows = [[int(value) for value in row.values()] for row in csv.DictReader(file)]
    assert sum(count for _, _, count in rows) == 632
    sizes = {(height, width) for height, width, _ in rows}
    seen = {snapped_size(size) for size in sizes}
    assert (len(sizes), len(seen)) == (133, 38)
    # networks are given a scaled version of what they see at scale 1
    rounded = {(round(height * scale), round(width * scale)) for height, width in sizes for scale in SCALES}
    assert len(rounded) == 506
    assert len({snapped_size(size, scale) for size in seen for scale in SCALES}) == 128


@pytest.mark.parametrize(
    ("grid", "offset"),
    [(PIXELS, 0.5), (FeatureGrid(16, 7.5), 0.5), (FeatureGrid(16, 15.0), 15.5 / 16), (FeatureGrid(8, 0.0), 1 / 16)],
)
def test_the_offset_is_half_where_features_are_centred(grid: FeatureGrid, offset: float) -> None:
    assert grid.offset == offset
