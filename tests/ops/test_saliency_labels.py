from __future__ import annotations

import numpy as np
import pytest
import torch

from wsss.config.rounds import SaliencyCrf
from wsss.ops import saliency_energies
from wsss.ops.saliency_labels import refine_saliency


def test_without_neighbours_the_marginal_is_the_softmax_of_the_energies():
    saliency = np.linspace(0.05, 0.95, 12).reshape(3, 4)
    image = np.zeros((3, 4, 3), np.uint8)
    alone = SaliencyCrf(gaussian_compat=0, bilateral_compat=0)
    background, foreground = np.exp(-saliency_energies(saliency).astype(np.float64))
    refined = refine_saliency(torch.from_numpy(saliency)[None], torch.from_numpy(image)[None], alone)
    assert np.allclose(refined[0].numpy(), foreground / (background + foreground), atol=1e-5)


def hole() -> tuple[torch.Tensor, torch.Tensor]:
    """An even object with a hole in its saliency, and its photograph."""
    saliency, image = torch.full((20, 20), 0.1), torch.zeros(20, 20, 3, dtype=torch.uint8)
    saliency[5:15, 5:15], image[5:15, 5:15] = 0.9, 200
    saliency[9:11, 9:11] = 0.3
    return saliency, image


def test_a_hole_in_an_even_object_is_filled():
    saliency, image = hole()
    (refined,) = refine_saliency(saliency[None], image[None], SaliencyCrf())
    assert refined[9, 9] > 0.5
    assert refined[1, 1] < 0.1


def test_each_image_of_a_batch_gets_what_it_gets_alone():
    saliency, image = hole()
    both, images = torch.stack([saliency, saliency.T * 0.8]), torch.stack([image, image.flip(0)])
    found = refine_saliency(both, images, SaliencyCrf())
    for number in range(2):
        (alone,) = refine_saliency(both[number, None], images[number, None], SaliencyCrf())
        torch.testing.assert_close(found[number], alone, rtol=0, atol=1e-6)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(1, 4, 4\) and \(1, 4, 5, 3\)"):
        refine_saliency(torch.zeros(1, 4, 4), torch.zeros(1, 4, 5, 3, dtype=torch.uint8), SaliencyCrf())
