"""Gradients of the parts of a batch, accumulated, train as the whole batch does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.two_processes import FROZEN, SETTINGS, TRAINED, Found, auxsegnet, classifier, photographs
from wsss.config import Training
from wsss.context import RunContext
from wsss.data.loaders import StepSampler
from wsss.errors import InputError
from wsss.training.trainer import run_training


def furthest(found: Found, expected: Found) -> float:
    """The largest difference of any weight."""
    pairs = ((found["weights"][name].double(), value.double()) for name, value in expected["weights"].items())
    return max(float((one - other).abs().max()) for one, other in pairs)


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_trains_as_the_whole_one(parts: int, tmp_path: Path) -> None:
    whole = classifier(FROZEN, tmp_path / "whole", precision="32")
    found = classifier(FROZEN, tmp_path / "parts", precision="32", accumulate=parts)
    # rounding; a step moves weights by 1e-3 and more
    assert furthest(found, whole) < 1e-5
    assert furthest(classifier(FROZEN, tmp_path / "other", precision="32", batch_size=2), whole) > 1e-4
    for row, expected in zip(found["rows"], whole["rows"], strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_losses_of_labelled_pixels_are_means_of_parts(tmp_path: Path) -> None:
    """Each part divides by its own number of labelled pixels: close to the whole batch, and not equal to it."""
    whole = auxsegnet({}, tmp_path / "whole")
    found = auxsegnet({}, tmp_path / "parts", accumulate=2)
    assert furthest(found, whole) > 1e-4
    # rows hold means over steps, so they tell that it is the same training
    assert found["rows"][0]["loss"] == pytest.approx(whole["rows"][0]["loss"], rel=0.1)


def test_trained_normalisation_sees_a_part(tmp_path: Path) -> None:
    whole, found = (classifier(TRAINED, tmp_path / f"{parts}", accumulate=parts) for parts in (1, 2))
    assert furthest(found, whole) > 1e-4


def test_a_step_is_the_same_images_in_parts() -> None:
    whole = list(StepSampler(11, 4, 5, seed=3))
    parts = list(StepSampler(11, 4, 5, seed=3, parts=2))
    assert len(parts) == len(StepSampler(11, 4, 5, seed=3, parts=2)) == 2 * len(whole)
    for step, draws in enumerate(whole):
        assert sorted(parts[2 * step] + parts[2 * step + 1]) == sorted(draws)
    assert list(StepSampler(11, 4, 5, seed=3, parts=2, start=3)) == parts[6:]


def test_a_batch_that_cannot_be_divided_is_one_line(tmp_path: Path) -> None:
    settings = Training.parse({**SETTINGS, "accumulate": 3})
    context = RunContext(device="cpu", workers=0)
    with pytest.raises(InputError, match=r"^small: a batch of 4 images cannot be divided among 1 device in 3 parts"):
        run_training(
            None,  # type: ignore[arg-type]
            photographs(settings),
            None,
            description="small",
            settings=settings,
            context=context,
            folder=tmp_path,
        )
