from __future__ import annotations

import numpy as np
import pytest

from wsss.config.rounds import SaliencyCrf
from wsss.ops import saliency_energies
from wsss.ops.saliency_labels import refine_saliency


def test_without_neighbours_the_marginal_is_the_softmax_of_the_energies():
    saliency = np.linspace(0.05, 0.95, 12).reshape(3, 4)
    image = np.zeros((3, 4, 3), np.uint8)
    alone = SaliencyCrf(gaussian_compat=0, bilateral_compat=0)
    background, foreground = np.exp(-saliency_energies(saliency).astype(np.float64))
    assert np.allclose(refine_saliency(saliency, image, alone), foreground / (background + foreground), atol=1e-5)


def test_a_hole_in_an_even_object_is_filled():
    saliency, image = np.full((20, 20), 0.1), np.zeros((20, 20, 3), np.uint8)
    saliency[5:15, 5:15], image[5:15, 5:15] = 0.9, 200
    saliency[9:11, 9:11] = 0.3
    refined = refine_saliency(saliency, image, SaliencyCrf())
    assert refined[9, 9] > 0.5
    assert refined[1, 1] < 0.1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(4, 4\) and \(4, 5, 3\)"):
        refine_saliency(np.zeros((4, 4)), np.zeros((4, 5, 3), np.uint8), SaliencyCrf())
