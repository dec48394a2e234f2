"""Fused affinities of random features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wsss.ops.affinity import Affinity, pairwise_affinity
from wsss.ops.affinity_fusion import FusionWeights, cross_task_affinity

SIZE = (5, 7)
POSITIONS = 35


def inputs(seed: int = 0, images: int = 2) -> dict[str, Tensor]:
    """Everything that a fused affinity is made of, and values to gather; leaves of the graph."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(*shape, generator=random)).requires_grad_()

    features = {f"{task}_{kind}": draw(images, 6, *SIZE) for task in ("a", "b") for kind in ("query", "key")}
    weights = {"kernel": draw(2, 2, 3, 3, scale=20), "mix": draw(2, 2, 1, 1), "bias": draw(2)}
    return {**features, **weights, "values": draw(images, 4, *SIZE)}


def fused(given: dict[str, Tensor], dense_positions: int, *, normalize_rows: bool = False, **pairwise: Any) -> Affinity:
    pair = [
        pairwise_affinity(given[f"{t}_query"], given[f"{t}_key"], dense_positions=dense_positions, **pairwise)
        for t in ("a", "b")
    ]
    weights = FusionWeights(given["kernel"], given["mix"], given["bias"])
    return cross_task_affinity(*pair, weights, normalize_rows=normalize_rows)
