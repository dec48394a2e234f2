"""What a network's probabilities become where the classes of an image are known."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.stages.evaluated import make_run
from wsss.stages.segmentation import _allowed_classes, _among


def test_probabilities_are_left_to_the_classes_that_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, background=False)
    ids = run.dataset.ids("train")[:2]
    allowed = _allowed_classes(run.dataset, ids, torch.device("cpu"))
    expected = [[0, *run.dataset.image_labels(image_id)] for image_id in ids]
    assert allowed[:, :, 0, 0].tolist() == expected
    found = _among(torch.full((2, 4, 3, 5), 0.25), allowed)
    assert torch.allclose(found.sum(1), torch.ones(2, 3, 5))
    assert not found[:, 0].any()


def test_a_pixel_whose_classes_are_lost_in_rounding_is_one_of_them() -> None:
    probabilities = torch.tensor([1.0, 0.0, 0.0, 0.0]).reshape(1, 4, 1, 1)
    allowed = torch.tensor([0.0, 0.0, 1.0, 1.0]).reshape(1, 4, 1, 1)
    assert _among(probabilities, allowed).flatten().tolist() == [0, 0, 0.5, 0.5]
