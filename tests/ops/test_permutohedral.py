from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.ops.operations import Operations
from wsss.ops.permutohedral import build_lattice, image_numbers

COUNTS = [40, 33, 1, 26]
"""Some are no multiples of four."""


def _features(dimensions: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(dimensions)
    return 3 * torch.rand(dimensions, sum(COUNTS), generator=generator)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_images_of_one_lattice_are_filtered_as_alone_to_the_bit(dimensions: int) -> None:
    features = _features(dimensions)
    values = torch.randn(sum(COUNTS), 3, generator=torch.Generator().manual_seed(0))
    together = build_lattice(features, COUNTS).normalized().filter(values)
    alone = [
        build_lattice(part.contiguous()).normalized().filter(theirs)
        for part, theirs in zip(features.split(COUNTS, 1), values.split(COUNTS), strict=True)
    ]
    assert torch.equal(together, torch.cat(alone))


def test_a_repeated_lattice_is_that_of_the_same_points_several_times() -> None:
    features = _features()
    values = torch.randn(3 * sum(COUNTS), 2, generator=torch.Generator().manual_seed(0))
    for largest_piece in (None, 4):
        repeated = build_lattice(features, largest_piece=largest_piece).normalized().scaled(2.0).repeated(3)
        expected = build_lattice(features.repeat(1, 3), [sum(COUNTS)] * 3, largest_piece).normalized().scaled(2.0)
        assert torch.equal(repeated.filter(values), expected.filter(values))


def test_cut_rows_change_rounding_alone() -> None:
    features, values = _features(), torch.randn(sum(COUNTS), 3)
    whole, cut = build_lattice(features), build_lattice(features, largest_piece=2)
    assert whole.joins is None
    assert cut.joins is not None
    assert int(torch.diff(cut.splat.offsets).max()) == 2 < int(torch.diff(whole.splat.offsets).max())
    assert cut.vertices == whole.vertices
    torch.testing.assert_close(cut.filter(values), whole.filter(values), atol=1e-5, rtol=1e-5)


def test_the_host_reads_twice_however_many_images_there_are() -> None:
    for counts in ([100], COUNTS):
        with Operations() as seen:
            build_lattice(_features(5), counts).normalized()
        # the extent of the cells, and the number of the vertices
        assert seen.reads == 2


def test_numbers_of_images_are_repeated() -> None:
    device = torch.device("cpu")
    assert image_numbers([2, 0, 1], device).tolist() == [0, 0, 2]
    assert image_numbers([1, 2], device, [7, 5]).tolist() == [7, 5, 5]


@pytest.mark.gpu
def test_a_gpu_finds_the_same_vertices() -> None:
    features = _features(5)
    here, there = build_lattice(features, COUNTS, 64), build_lattice(features.cuda(), COUNTS)
    assert torch.equal(here.slice_indices, there.slice_indices.cpu())
    assert torch.equal(here.splat.offsets, there.splat.offsets.cpu())
