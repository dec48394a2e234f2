from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch

from tests.ops.photographs import photographs
from tests.ops.photographs import probabilities as smooth
from wsss.config import Crf
from wsss.errors import InputError
from wsss.ops import dense_crf, saliency_energies


def test_saliency_energies_by_hand() -> None:
    energies = saliency_energies(np.array([[0.0, 0.25, 1.0]], np.float32))

    def by_hand(p: float) -> float:
        return -math.log(p + 1e-8) / (1.05 / (1 + math.exp(-p)))

    assert energies.shape == (2, 1, 3)
    assert np.allclose(energies[0, 0], [by_hand(1.0), by_hand(0.75), by_hand(0.0)], atol=1e-4)
    assert np.allclose(energies[1, 0], [by_hand(0.0), by_hand(0.25), by_hand(1.0)], atol=1e-4)
    with pytest.raises(ValueError, match=r"saliency \(1, 1\) must lie in \[0, 1\]"):
        saliency_energies(np.array([[1.5]], np.float32))


def test_energies_of_a_fixed_map_are_those_computed_by_hand():
    saliency = np.array([[0.0, 0.5], [0.9, 1.0]], np.float32)

    def energy(p: float) -> float:
        return -math.log(p + 1e-8) / (1.05 / (1 + math.exp(-p)))

    expected = [[[energy(1 - p) for p in row] for row in saliency], [[energy(p) for p in row] for row in saliency]]
    energies = saliency_energies(saliency)
    assert energies.dtype == np.float32
    assert np.allclose(energies, expected, rtol=1e-5, atol=1e-6)
    # -ln(0.5) x (1 + e^-0.5) / 1.05, and -ln(1e-8) x (1 + e^0) / 1.05
    assert energies[0, 0, 1] == pytest.approx(1.0605, abs=1e-4)
    assert energies[1, 0, 0] == pytest.approx(35.087, abs=1e-3)
    assert np.allclose(saliency_energies(saliency, 2.1), energies / 2, rtol=1e-5)


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


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
def test_a_list_of_photographs_of_several_sizes_is_worked_on_at_once(kind: str) -> None:
    images = photographs()[:5]
    given = [smooth(4, image.shape[:2], seed) for seed, image in enumerate(images)]
    wrapped = [torch.from_numpy(one) for one in given] if kind == "tensors" else given
    threads = torch.get_num_threads()
    together = dense_crf(wrapped, images)
    assert torch.get_num_threads() == threads
    assert all(isinstance(one, torch.Tensor) == (kind == "tensors") for one in together)
    for one, image, result in zip(given, images, together, strict=True):
        assert np.allclose(dense_crf(one, image), np.asarray(result), atol=1e-6)


def test_a_list_with_another_number_of_photographs_is_refused() -> None:
    probabilities, image = two_halves()
    with pytest.raises(ValueError, match="one image for each of 1 probabilities, got 2"):
        dense_crf([probabilities], [image, image])


def test_without_the_extra_only_the_reference_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    probabilities, image = two_halves()
    assert np.isfinite(dense_crf(probabilities, image)).all()
    with pytest.raises(InputError, match=r"not installed: `pip install wsss\[crf\]`.*set the backend to `torch`"):
        dense_crf(probabilities, image, backend="pydensecrf")
