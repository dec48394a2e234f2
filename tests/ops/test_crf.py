from __future__ import annotations

import numpy as np
import pytest

from wsss.config import Crf
from wsss.ops import dense_crf

pytest.importorskip("pydensecrf.densecrf")


def two_halves() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of two colours, and probabilities whose border lies 4 px beside that of the colours."""
    image = np.zeros((32, 40, 3), np.uint8)
    image[:, 20:] = 200
    foreground = np.where(np.arange(40) >= 24, 0.8, 0.2)[None].repeat(32, 0)
    return np.stack([1 - foreground, foreground]).astype(np.float32), image


def test_borders_move_to_the_edges_of_the_photograph() -> None:
    probabilities, image = two_halves()
    labels = dense_crf(probabilities, image).argmax(0)
    assert (probabilities.argmax(0) != (np.arange(40) >= 20)).sum() == 4 * 32
    assert np.array_equal(labels, (np.arange(40) >= 20).astype(int)[None].repeat(32, 0))


def test_marginals_sum_to_one_and_classes_that_are_nowhere_likely_stay_out() -> None:
    probabilities, image = two_halves()
    extended = np.concatenate([probabilities * 0.995, np.full((1, 32, 40), 0.005, np.float32)])
    kept = dense_crf(extended, image, Crf(minimum_probability=0))
    left_out = dense_crf(extended, image)
    assert np.allclose(kept.sum(0), 1, atol=1e-4)
    assert np.allclose(left_out.sum(0), 1, atol=1e-4)
    assert left_out[2].max() == 0 < kept[2].max()
    assert np.array_equal(kept.argmax(0), left_out.argmax(0))


def test_wrong_input_is_named() -> None:
    probabilities, image = two_halves()
    with pytest.raises(ValueError, match=r"\(2, 32, 40\), \(30, 40, 3\)"):
        dense_crf(probabilities, image[:30])
    probabilities[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        dense_crf(probabilities, image)
    with pytest.raises(ValueError, match="unknown CRF backend"):
        dense_crf(two_halves()[0], image, backend="none")
