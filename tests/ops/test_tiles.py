from __future__ import annotations

import numpy as np
import pytest
import torch

from wsss.grid import GRID
from wsss.ops.tiles import Blending, Span, spans


def test_a_length_that_fits_is_one_tile() -> None:
    assert spans(32, 128, 32) == [Span(0, 32)]
    assert spans(128, 128, 32) == [Span(0, 128)]


def test_tiles_by_hand() -> None:
    assert spans(160, 128, 32) == [Span(0, 96, 0, 32), Span(64, 160, 32, 0)]
    assert spans(320, 128, 32) == [Span(0, 128, 0, 32), Span(96, 224, 32, 32), Span(192, 320, 32, 0)]
    assert spans(256, 128, 0) == [Span(0, 128), Span(128, 256)]


@pytest.mark.parametrize(("side", "overlap"), [(128, 32), (128, 0), (96, 32), (320, 96), (1024, 128)])
def test_tiles_cover_a_length_and_share_what_they_say(side: int, overlap: int) -> None:
    for cells in range(1, 130):
        length = cells * GRID
        found = spans(length, side, overlap)
        counts, weights = np.zeros(length, int), torch.zeros(length)
        for span in found:
            assert 0 < span.stop - span.start <= side
            assert span.start % GRID == span.stop % GRID == 0
            assert span.before + span.after <= span.stop - span.start
            counts[span.start : span.stop] += 1
            weights[span.start : span.stop] += span.weights(torch.device("cpu"))
        assert counts.min() == 1
        assert counts.max() <= 2
        assert torch.allclose(weights, torch.ones(length), atol=1e-6)
        assert [span.after for span in found[:-1]] == [span.before for span in found[1:]]
        assert sum(span.own for span in found) == length
        # no tile more than are needed
        assert len(found) <= max(1, -(-(length - overlap) // (side - overlap)))


@pytest.mark.parametrize("values", [(100, 128, 32), (320, 128, 64), (320, 120, 32), (320, 128, 20)])
def test_what_is_off_the_grid_is_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected multiples of 32 and overlap <= side / 3"):
        spans(*values)


@pytest.mark.parametrize("size", [(160, 320), (96, 128), (320, 96), (448, 608)])
def test_blending_is_the_weighted_sum_over_all_tiles(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    expected, found, blending = torch.zeros(3, *size), torch.full((3, *size), torch.nan), Blending(size[1])
    for rows in spans(size[0], 128, 32):
        for columns in spans(size[1], 128, 32):
            values = torch.rand(3, rows.stop - rows.start, columns.stop - columns.start)
            weights = rows.weights(values.device)[:, None] * columns.weights(values.device)
            expected[:, rows.start : rows.stop, columns.start : columns.stop] += values * weights
            part = blending.add(rows, columns, values)
            found[:, rows.start : rows.start + rows.own, columns.start : columns.start + columns.own] = part
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("width", [320, 20000 // GRID * GRID])
def test_blending_holds_one_row_of_overlaps(width: int) -> None:
    side, overlap, classes = 128, 32, 3
    blending, most = Blending(width), 0
    for rows in spans(320, side, overlap):
        for columns in spans(width, side, overlap):
            blending.add(rows, columns, torch.rand(classes, rows.stop - rows.start, columns.stop - columns.start))
            # whole storages: a view would keep the tile that it is a part of
            held = {
                value.untyped_storage().data_ptr(): value for value in vars(blending).values() if torch.is_tensor(value)
            }
            most = max(most, sum(value.untyped_storage().nbytes() for value in held.values()))
    assert most == 4 * classes * (overlap * width + side * overlap)


def test_tiles_that_agree_are_the_whole() -> None:
    whole, blending = torch.rand(2, 320, 320), Blending(320)
    for rows in spans(320, 128, 32):
        for columns in spans(320, 128, 32):
            tile = whole[:, rows.start : rows.stop, columns.start : columns.stop].clone()
            part = blending.add(rows, columns, tile)
            own = whole[:, rows.start : rows.start + rows.own, columns.start : columns.start + columns.own]
            assert torch.allclose(part, own, atol=1e-6)


def test_spans_in_maps_of_a_stride() -> None:
    assert Span(96, 224, 32, 64).divided(4) == Span(24, 56, 8, 16)
