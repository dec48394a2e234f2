from __future__ import annotations

import numpy as np
import pytest
import torch

from wsss.ops.probabilities import labels_at_size
from wsss.stages.photographs import at_size, strongest


@pytest.mark.parametrize("size", [(1, 1), (32, 64), (45, 50), (300, 700), (64, 32)])
def test_the_strongest_class_is_that_of_the_stages(size: tuple[int, int]):
    scores = np.random.default_rng(0).random((5, 32, 64), np.float32)
    expected = labels_at_size(torch.from_numpy(scores), size).numpy()
    found = strongest(scores, size)
    assert found.dtype == np.uint8
    # where two classes are equally strong up to rounding, either may stand
    assert (found != expected).mean() < 1e-3
    assert np.array_equal(found, at_size(scores, size).argmax(0))


def test_scores_keep_their_sum_and_range():
    scores = np.random.default_rng(0).random((3, 7, 5), np.float32)
    scores /= scores.sum(0)
    large = at_size(scores, (61, 83))
    assert large.dtype == np.float32
    assert np.allclose(large.sum(0), 1, atol=1e-6)
    assert large.min() >= scores.min()
    assert large.max() <= scores.max()
