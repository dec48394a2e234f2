from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.ops.operations import Operations
from wsss.ops.bags import Bags, from_host, row_bags


def _ragged(lengths: list[int], columns: int, weighted: bool = True) -> tuple[Bags, Tensor]:
    """A matrix with rows of these lengths, and the same dense."""
    generator = torch.Generator().manual_seed(0)
    entries = sum(lengths)
    indices = torch.randint(0, columns, (entries,), generator=generator, dtype=torch.int32)
    weights = torch.randn(entries, generator=generator) if weighted else None
    offsets = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    dense = torch.zeros(len(lengths), columns)
    rows = torch.repeat_interleave(torch.tensor(lengths))
    dense.index_put_((rows, indices.long()), torch.ones(entries) if weights is None else weights, accumulate=True)
    return Bags(indices, offsets, weights), dense


@pytest.mark.parametrize("weighted", [True, False])
def test_sums_are_those_of_the_dense_matrix(weighted: bool) -> None:
    bags, dense = _ragged([3, 0, 7, 1], 5, weighted)
    values = torch.randn(5, 4)
    torch.testing.assert_close(bags.sum(values), dense @ values)
    assert bags.rows == 4


@pytest.mark.parametrize("weighted", [True, False])
def test_a_repeated_matrix_is_block_diagonal(weighted: bool) -> None:
    bags, dense = _ragged([3, 0, 7, 1], 5, weighted)
    values = torch.randn(15, 4)
    torch.testing.assert_close(bags.repeated(3, 5).sum(values), torch.block_diag(dense, dense, dense) @ values)
    assert bags.repeated(1, 5) is bags


@pytest.mark.parametrize("lengths", [[100, 0, 3, 8, 9, 64, 0], [0, 0], [8], [0, 16, 0, 17], [1] * 9])
@pytest.mark.parametrize("largest", [1, 8, 1000])
def test_cut_rows_have_the_same_sums_in_two_steps(lengths: list[int], largest: int) -> None:
    bags, dense = _ragged(lengths, 6)
    pieces, joins = bags.cut(largest)
    assert int(torch.diff(pieces.offsets).max()) <= largest
    assert int(torch.diff(pieces.offsets).sum()) == sum(lengths)
    values = torch.randn(6, 4)
    found = joins.sum(pieces.sum(values))
    torch.testing.assert_close(found, dense @ values, atol=1e-5, rtol=1e-5)
    short = torch.tensor(lengths) <= largest
    assert torch.equal(found[short], bags.sum(values)[short])
    assert torch.equal(found, joins.sum(pieces.sum(values)))


def test_cutting_asks_the_host_nothing() -> None:
    bags, _ = _ragged([100, 0, 3], 6)
    with Operations() as seen:
        bags.cut(8)
        bags.repeated(4, 6)
    assert seen.reads == 0


def test_rows_of_equal_length() -> None:
    bags = row_bags(torch.tensor([[0, 1], [2, 0]], dtype=torch.int32), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert bags.sum(torch.tensor([[1.0], [10.0], [100.0]])).tolist() == [[21.0], [304.0]]


def test_numbers_of_the_host_keep_their_type() -> None:
    assert from_host([1, 2], torch.int32, torch.device("cpu")).dtype == torch.int32
    assert from_host([0.5], torch.float32, torch.device("cpu")).tolist() == [0.5]
