from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.ops.affinities import POSITIONS, SIZE, fused, inputs
from wsss.ops import affinity as blocks
from wsss.ops.affinity import Affinity, BlockedAffinity, DenseAffinity, pairwise_affinity
from wsss.ops.affinity_fusion import FusionWeights, cross_task_affinity


def gathered(given: dict[str, Tensor], affinity: Affinity) -> Tensor:
    values = given["values"]
    return torch.cat([affinity.apply(values), affinity.apply_transposed(values)], dim=1)


def test_rows_are_softmax_of_products_without_scaling() -> None:
    # two pixels; products of query 0 with the keys are log 3 and 0
    queries = torch.tensor([[[[1.0, 0.0]]]])
    keys = torch.tensor([[[[math.log(3.0), 0.0]]]])
    affinity = pairwise_affinity(queries, keys)
    assert torch.allclose(affinity.dense(), torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]))
    values = torch.tensor([[[[4.0, 8.0]]]])
    assert torch.allclose(affinity.apply(values), torch.tensor([[[[5.0, 6.0]]]]))
    assert torch.allclose(affinity.apply_transposed(values), torch.tensor([[[[7.0, 5.0]]]]))


def test_temperature_divides_the_products() -> None:
    queries = torch.tensor([[[[1.0, 0.0]]]])
    keys = torch.tensor([[[[math.log(3.0) / 10, 0.0]]]])
    affinity = pairwise_affinity(queries, keys, temperature=0.1)
    assert torch.allclose(affinity.dense(), torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]))


def test_by_cosine_no_position_wins_by_the_length_of_its_key() -> None:
    # unit keys at 0 and 90 degrees, the second one a hundred times as long; query 0 points to the first
    queries = torch.tensor([[[[2.0, 0.0]], [[0.0, 3.0]]]])
    keys = torch.tensor([[[[1.0, 0.0]], [[0.0, 100.0]]]])
    share = 1 / (1 + math.exp(-1 / 0.5))
    expected = torch.tensor([[[share, 1 - share], [1 - share, share]]])
    assert torch.allclose(pairwise_affinity(queries, keys, cosine=True, temperature=0.5).dense(), expected)


def test_values_are_gathered_in_row_major_order() -> None:
    matrix = torch.zeros(1, 6, 6)
    matrix[0, 4, 2] = 1.0  # position (1, 1) takes the value of position (0, 2)
    values = torch.arange(6.0).reshape(1, 1, 2, 3)
    found = DenseAffinity(matrix, (2, 3)).apply(values)
    assert found[0, 0, 1, 1] == 2.0
    assert found.sum() == 2.0


@pytest.mark.parametrize(
    "settings", [{}, {"whiten": True, "cosine": True, "temperature": 0.2}, {"normalize_rows": True}]
)
@pytest.mark.parametrize("block_rows", [1, 2, 4, 34, 35, 100])
def test_blocks_of_rows_give_the_same_values_and_gradients(
    settings: dict[str, Any], block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", block_rows * 2 * POSITIONS)
    whole, parts = inputs(), inputs()
    dense, blocked = fused(whole, POSITIONS, **settings), fused(parts, POSITIONS - 1, **settings)
    assert isinstance(dense, DenseAffinity)
    assert isinstance(blocked, BlockedAffinity)
    expected, found = gathered(whole, dense), gathered(parts, blocked)
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(blocked.dense(), dense.dense(), atol=1e-6)
    direction = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    (expected * direction).sum().backward()
    (found * direction).sum().backward()
    for name, value in whole.items():
        gradient, other = value.grad, parts[name].grad
        assert gradient is not None
        assert other is not None
        assert gradient.abs().max() > 1e-3, name
        assert torch.allclose(other, gradient, atol=1e-5 * max(1.0, float(gradient.abs().max()))), name


def test_gradients_in_blocks_are_those_of_finite_differences() -> None:
    given = {name: value.detach().double().requires_grad_() for name, value in inputs(images=1).items()}
    names = list(given)
    given["kernel"] = (given["kernel"].detach() / 20).requires_grad_()

    def compute(*values: Tensor) -> Tensor:
        return gathered(dict(zip(names, values, strict=True)), fused(dict(zip(names, values, strict=True)), 0))

    assert torch.autograd.gradcheck(compute, tuple(given.values()), fast_mode=True)


@pytest.mark.parametrize("dense_positions", [0, POSITIONS])
def test_rows_sum_to_one_and_constants_stay(dense_positions: int) -> None:
    given = inputs()
    single = pairwise_affinity(given["a_query"], given["a_key"], dense_positions=dense_positions)
    normalised = fused(given, dense_positions, normalize_rows=True)
    constant = torch.full((2, 1, *SIZE), 3.0)
    for affinity in (single, normalised):
        assert torch.allclose(affinity.dense().sum(-1), torch.ones(2, POSITIONS), atol=1e-5)
        assert torch.allclose(affinity.apply(constant), constant, atol=1e-4)
    # fused rows do not sum to 1: the weights differ from key to key
    assert (fused(given, dense_positions).dense().sum(-1) - 1).abs().max() > 1e-3


def test_memory_of_blocks_does_not_grow_with_the_square() -> None:
    affinity = BlockedAffinity(blocks.pairwise_rows, (torch.zeros(1, 10**6, 1), torch.zeros(1, 1, 10**6)), (1000, 1000))
    assert affinity._block == 4
    assert affinity._block * affinity.positions <= blocks.BLOCK_ELEMENTS


def test_what_does_not_fit_is_named() -> None:
    given = inputs()
    dense = pairwise_affinity(given["a_query"], given["a_key"])
    blocked = pairwise_affinity(given["a_query"], given["a_key"], dense_positions=0)
    weights = FusionWeights(given["kernel"], given["mix"], given["bias"])
    with pytest.raises(ValueError, match=r"expected values \(N, C, 5, 7\) for this affinity, got \(2, 4, 7, 5\)"):
        dense.apply(given["values"].mT)
    with pytest.raises(ValueError, match="of one form and size, got DenseAffinity"):
        cross_task_affinity(dense, blocked, weights)
    with pytest.raises(ValueError, match=r"expected two \(N, D, h, w\) of one shape"):
        pairwise_affinity(given["a_query"], given["values"])


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="PyTorch was built without CUDA")
@pytest.mark.parametrize(
    ("device", "side", "kind"),
    [("cpu", 4, DenseAffinity), ("cpu", 5, BlockedAffinity), ("cuda", 5, DenseAffinity), ("cuda", 6, BlockedAffinity)],
)
def test_a_gpu_holds_larger_matrices_whole(device: str, side: int, kind: type[Affinity]) -> None:
    # of a shape alone, so that no GPU is needed
    with FakeTensorMode():
        queries = torch.empty(2, 3, side, side, device=device)
        assert type(pairwise_affinity(queries, queries, dense_positions=16)) is kind
