from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.tiny import NoiseImages
from wsss.grid import FeatureGrid
from wsss.models.network import SegmentationNetwork
from wsss.training.classifier import ClassifierValidation
from wsss.training.validation import SegmentationValidation, Validation


class ByLookup(SegmentationNetwork):
    """Answers from a list, in the order in which images are asked for."""

    grid = FeatureGrid(16, 7.5)

    def __init__(self, answers: list[Tensor]) -> None:
        super().__init__()
        self._answers = answers

    def forward(self, images: Tensor) -> Any:
        return SimpleNamespace(logits=self.segment(images))

    def segment(self, images: Tensor) -> Tensor:
        assert not self.training
        assert images.dtype == torch.float32
        assert images.max() <= 1
        return torch.stack([self._answers.pop(0) for _ in images])


def order(validation: Validation) -> list[int]:
    return [index for batch in validation._batches for index in batch]


def run(validation: Validation, answers: list[Tensor]) -> dict[str, Any]:
    network = ByLookup(answers).train()
    result = validation(network, torch.device("cpu"), nullcontext, lambda: None)
    assert network.training
    return result


def test_mean_average_precision_leaves_out_classes_that_do_not_occur() -> None:
    class Images(NoiseImages):
        def image_labels(self, image_id: str) -> np.ndarray:
            return np.append(super().image_labels(image_id), 0).astype(np.uint8)

    names = ("background", "odd", "third", "never")
    validation = ClassifierValidation(Images(6), "val", names, workers=0, batch_size=2, pixels=10**6)
    # class `odd` holds images 1, 3, 5 and is ranked rightly; `third` holds 0 and 3, ranked second and fourth
    third = {0: 0.5, 1: 0.9, 2: 0.1, 3: 0.3, 4: 0.4, 5: 0.2}
    answers = [torch.tensor([float(i % 2), third[i], 9.0]) for i in order(validation)]
    result = run(validation, answers)
    expected = (1 / 2 + 2 / 4) / 2
    assert result["average_precision"] == {"odd": 1.0, "third": pytest.approx(expected), "never": None}
    assert result["map"] == pytest.approx((1 + expected) / 2)
    assert result["classes_left_out"] == ["never"]
    assert result["images"] == 6


def test_mean_iou_by_hand() -> None:
    names = ("background", "one", "two")
    images = NoiseImages(4)  # image 0 has no mask, images 1 to 3 are 1, 2, 0 everywhere
    validation = SegmentationValidation(images, "val", names, workers=0, batch_size=2, pixels=10**6)
    pixels = {i: int(np.prod(images.network_size(f"image{i}"))) for i in range(4)}

    def planes(label: int) -> Tensor:
        logits = torch.zeros(3, 2, 2)
        logits[label] = 1.0
        return logits

    # everything is called `one`
    result = run(validation, [planes(1) for _ in range(4)])
    one = pixels[1] / (pixels[1] + pixels[2] + pixels[3])
    assert result["iou"] == {"background": 0.0, "one": pytest.approx(one), "two": 0.0}
    assert result["miou"] == pytest.approx(one / 3)


def test_validation_can_be_stopped() -> None:
    validation = ClassifierValidation(NoiseImages(6), "val", ("b", "x", "y"), workers=0, batch_size=1, pixels=10**6)

    def stop() -> None:
        raise KeyboardInterrupt

    network = ByLookup([torch.zeros(2) for _ in range(6)]).train()
    with pytest.raises(KeyboardInterrupt):
        validation(network, torch.device("cpu"), nullcontext, stop)
    assert network.training


def test_cudnn_stays_as_it_is_but_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn, names = torch.backends.cudnn, ("enabled", "benchmark", "deterministic", "allow_tf32")
    seen: list[dict[str, bool]] = []

    class Recording(ByLookup):
        def segment(self, images: Tensor) -> Tensor:
            seen.append({name: getattr(cudnn, name) for name in names})
            return super().segment(images)

    validation = ClassifierValidation(NoiseImages(2), "val", ("b", "x", "y"), workers=0, batch_size=2, pixels=10**6)
    for value in (True, False):
        before = {"enabled": True, "benchmark": True, "deterministic": value, "allow_tf32": value}
        for name, wanted in before.items():
            monkeypatch.setattr(cudnn, name, wanted)
        validation(Recording([torch.zeros(2)] * 2), torch.device("cpu"), nullcontext, lambda: None)
        assert seen.pop() == {**before, "benchmark": False}
        assert {name: getattr(cudnn, name) for name in names} == before
