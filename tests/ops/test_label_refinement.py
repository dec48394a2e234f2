"""Probabilities made from labels, and what refines them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wsss.config import Crf, Pamr, Par
from wsss.ops.label_refinement import label_probabilities, refine_probabilities


def test_probabilities_of_labels_are_those_of_the_definition():
    labels = torch.tensor([[0, 3, 255]], dtype=torch.uint8)
    found = label_probabilities(labels, [0, 3, 7], trust=0.8)
    expected = torch.tensor([[[0.8, 0.1, 1 / 3]], [[0.1, 0.8, 1 / 3]], [[0.1, 0.1, 1 / 3]]])
    assert torch.allclose(found, expected)


def test_a_single_class_is_certain():
    labels = torch.tensor([[0, 255]], dtype=torch.uint8)
    assert torch.equal(label_probabilities(labels, [0], trust=0.8), torch.ones(1, 1, 2))


def test_a_label_outside_of_the_values_is_refused():
    with pytest.raises(ValueError, match=r"other values than \[0, 3\] and 255"):
        label_probabilities(torch.tensor([[4]], dtype=torch.uint8), [0, 3], trust=0.8)


@pytest.mark.parametrize("settings", [Crf(), Pamr(), Par()], ids=lambda settings: type(settings).__name__)
def test_labels_follow_the_colours(settings: Crf | Pamr | Par):
    """A bright square whose labels lack a corner and spill over another side gets its own shape back."""
    random = np.random.default_rng(0)
    truth = np.zeros((40, 40), bool)
    truth[10:30, 10:30] = True
    image = np.where(truth[..., None], 220, 40) + random.normal(0, 3, (40, 40, 3))
    labels = truth.astype(np.uint8)
    labels[26:30, 26:30] = 0
    labels[15:25, 30:32] = 1
    probabilities = label_probabilities(torch.from_numpy(labels), [0, 1], trust=0.7)
    (refined,) = refine_probabilities(
        [probabilities], [torch.from_numpy(image.clip(0, 255).astype(np.uint8))], settings
    )
    assert torch.allclose(refined.sum(0), torch.ones(40, 40), atol=1e-5)
    wrong_before = (labels != truth).sum()
    assert (refined.argmax(0).numpy() != truth).sum() < wrong_before / 4
