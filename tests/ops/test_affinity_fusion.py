from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tests.ops.affinities import POSITIONS, SIZE, fused, inputs
from wsss.ops.affinity import DenseAffinity, pairwise_affinity
from wsss.ops.affinity_fusion import FusionWeights, cross_task_affinity, cross_task_unary


def test_one_task_with_all_the_weight_is_that_task() -> None:
    given = inputs()
    given["mix"] = torch.zeros(2, 2, 1, 1)
    given["bias"] = torch.tensor([200.0, -200.0])
    segmentation = pairwise_affinity(given["a_query"], given["a_key"]).dense()
    assert torch.allclose(fused(given, POSITIONS).dense(), segmentation)
    given["bias"] = torch.tensor([0.0, 0.0])
    saliency = pairwise_affinity(given["b_query"], given["b_key"]).dense()
    assert torch.allclose(fused(given, POSITIONS).dense(), (segmentation + saliency) / 2)


def test_fusion_looks_at_neighbours_across_the_ends_of_lines() -> None:
    """The weight of (query i, key j) depends on i +- 1 and j +- 1 of the flattened image, and on nothing else."""
    random = torch.Generator().manual_seed(3)
    first, second = (torch.rand(1, 12, 12, generator=random) for _ in range(2))
    weights = FusionWeights(
        0.1 + 0.1 * torch.rand(2, 2, 3, 3, generator=random),  # small and positive: neither ReLU nor softmax saturates
        torch.tensor([[1.0, 0.0], [0.0, 3.0]])[..., None, None],
        torch.zeros(2),
    )

    def fuse_both(matrix: Tensor) -> Tensor:
        return cross_task_affinity(DenseAffinity(matrix, (3, 4)), DenseAffinity(second, (3, 4)), weights).dense()

    changed = first.clone()
    changed[0, 4, 8] += 1.0  # the first pixels of lines 1 and 2
    rows, columns = (fuse_both(first) - fuse_both(changed))[0].abs().gt(1e-7).nonzero().T
    assert sorted(set(rows.tolist())) == [3, 4, 5]
    assert sorted(set(columns.tolist())) == [7, 8, 9]


def test_unary_fusion_is_a_weighted_mean_of_two_distributions() -> None:
    given = inputs()
    first, second = (torch.rand(2, 1, *SIZE, generator=torch.Generator().manual_seed(i)) for i in range(2))
    weights = FusionWeights(given["kernel"], given["mix"], given["bias"])
    found = cross_task_unary(first, second, weights)
    hidden = functional.conv2d(torch.cat([first, second], 1), given["kernel"], padding=1).clamp(min=0)
    scores = functional.conv2d(hidden, given["mix"], given["bias"])
    share = (scores[:, :1] - scores[:, 1:]).sigmoid()
    assert found.shape == (2, 1, *SIZE)
    assert torch.allclose(found, share * first + (1 - share) * second, atol=1e-6)
