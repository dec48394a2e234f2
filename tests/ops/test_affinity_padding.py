"""Positions of padding are no keys: nothing is gathered from them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.ops.affinities import POSITIONS, SIZE, fused, inputs
from wsss.ops import affinity as blocks
from wsss.ops.affinity import pairwise_affinity


def inside() -> Tensor:
    shown = torch.ones(2, 1, *SIZE, dtype=torch.bool)
    shown[0, :, 3:], shown[1, :, :, :2] = False, False
    return shown


@pytest.mark.parametrize("settings", [{}, {"whiten": True, "cosine": True, "temperature": 0.2}])
@pytest.mark.parametrize("dense_positions", [0, POSITIONS])
def test_columns_of_padding_are_zero_and_rows_sum_to_one(settings: dict[str, Any], dense_positions: int) -> None:
    given, shown = inputs(), inside()
    found = pairwise_affinity(
        given["a_query"], given["a_key"], dense_positions=dense_positions, inside=shown, **settings
    ).dense()
    columns = shown.flatten(2).expand(2, POSITIONS, POSITIONS)
    assert (found[~columns] == 0).all()
    assert (found[columns] > 0).all()
    assert torch.allclose(found.sum(-1), torch.ones(2, POSITIONS), atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"whiten": True, "cosine": True}])
@pytest.mark.parametrize("dense_positions", [0, POSITIONS])
def test_padding_of_another_content_changes_nothing(settings: dict[str, Any], dense_positions: int) -> None:
    given, shown = inputs(), inside()
    noise = 5 * torch.rand(given["a_query"].shape) * ~shown
    rows = [
        pairwise_affinity(
            given["a_query"] + extra, given["a_key"] + extra, inside=shown, dense_positions=dense_positions, **settings
        ).dense()[shown.flatten(1)]
        for extra in (torch.zeros(()), noise)
    ]
    assert torch.allclose(rows[0], rows[1], atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"normalize_rows": True}])
@pytest.mark.parametrize("block_rows", [1, 4, 100])
def test_blocks_and_fusion_keep_the_zeros(
    settings: dict[str, Any], block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ELEMENTS", block_rows * 2 * POSITIONS)
    whole, parts, shown = inputs(), inputs(), inside()
    dense = fused(whole, POSITIONS, inside=shown, **settings)
    blocked = fused(parts, POSITIONS - 1, inside=shown, **settings)
    assert (dense.dense()[~shown.flatten(2).expand(2, POSITIONS, POSITIONS)] == 0).all()
    assert torch.allclose(blocked.dense(), dense.dense(), atol=1e-6)
    results = []
    for given, affinity in ((whole, dense), (parts, blocked)):
        gathered = affinity.apply(given["values"])
        results.append(torch.cat([gathered, affinity.apply_transposed(given["values"])], dim=1))
        gathered.square().sum().backward()
    assert torch.allclose(results[1], results[0], atol=1e-5)
    # values on padding are not gathered, so they learn nothing
    for given in (whole, parts):
        gradient = given["values"].grad
        assert gradient is not None
        assert (gradient[~shown.expand_as(gradient)] == 0).all()
        assert all(value.grad.isfinite().all() for value in given.values())
