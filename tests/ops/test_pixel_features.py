from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.ops.operations import Operations
from tests.ops.photographs import photographs
from wsss.config import Crf
from wsss.ops import DenseCRFBatch
from wsss.ops.pixel_features import divided, pixel_positions

CPU = torch.device("cpu")


def test_columns_and_rows_of_several_images_by_hand() -> None:
    found = pixel_positions([(2, 3), (1, 2), (2, 3)], 2.0, CPU)
    columns, rows = [0, 0.5, 1, 0, 0.5, 1], [0, 0, 0, 0.5, 0.5, 0.5]
    assert found.tolist() == [[*columns, 0, 0.5, *columns], [*rows, 0, 0, *rows]]


@pytest.mark.parametrize("width", [5.0, 13.0, 83.0, 1e-3])
def test_quotients_are_those_of_the_processor_to_the_last_bit(width: float) -> None:
    colours = torch.arange(256, dtype=torch.uint8)
    expected = np.arange(256, dtype=np.float32) / np.float32(width)
    assert np.array_equal(divided(colours, width).numpy(), expected)
    # what multiplying by the reciprocal gives is another number
    if width != 1e-3:
        assert not np.array_equal(np.arange(256, dtype=np.float32) * np.float32(1 / width), expected)


def test_no_point_is_placed_by_dividing_by_a_number_of_the_host() -> None:
    with Operations() as seen:
        assert len(DenseCRFBatch(photographs()[:3], Crf()).kernels.lattices) == 2
    assert seen.by_number == []
    assert seen.counts["aten.div"] > 0
    with Operations() as wrong:
        torch.ones(3) / 5.0
        torch.ones(3) / torch.tensor(5.0)
        torch.ones(3).div_(5.0)
    assert len(wrong.by_number) == 3, "the fault would be seen"


@pytest.mark.gpu
def test_a_gpu_places_points_alike() -> None:
    for width in (5.0, 13.0, 60.0, 83.0):
        colours = torch.arange(256, dtype=torch.uint8)
        assert torch.equal(divided(colours.cuda(), width).cpu(), divided(colours, width))
        there = pixel_positions([(375, 500)], width, torch.device("cuda"))
        assert torch.equal(there.cpu(), pixel_positions([(375, 500)], width, CPU))
