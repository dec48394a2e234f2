from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wsss.data.contents import problem_of

LARGE = (40, 60)
SIZES = ((40, 60), (32, 64))


def problem(kind: str, array: np.ndarray, **options: Any) -> str:
    attributes = options.pop("attributes", {})
    return problem_of(kind, array, attributes, **{"num_classes": 3, "sizes": SIZES, **options})


@pytest.mark.parametrize("values", [[0], [3], [255], [0, 1, 2, 3, 255]])
def test_label_maps_hold_classes_and_255(values: list[int]):
    array = np.resize(np.array(values, np.uint8), LARGE)
    assert problem("segmentation", array) == problem("masks", array) == ""


@pytest.mark.parametrize("value", range(4, 255))
def test_every_other_value_is_found_and_named(value: int):
    array = np.full(LARGE, 255, np.uint8)
    array[7, 9] = value
    assert f"holds the value {value}, but the classes end at 3" in problem("segmentation", array)
    assert problem("saliency", array) == ""


def test_of_254_classes_every_value_is_one():
    assert problem("segmentation", np.resize(np.arange(256).astype(np.uint8), LARGE), num_classes=254) == ""


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros(LARGE, np.int64), "is int64, expected uint8"),
        (np.zeros(LARGE, bool), "is bool, expected uint8"),
        (np.zeros((*LARGE, 3), np.uint8), "has the shape (40, 60, 3), expected (H, W)"),
        (np.zeros((), np.uint8), "has the shape (), expected (H, W)"),
        (np.zeros((0, 60), np.uint8), "has the shape (0, 60), expected (H, W)"),
        (np.zeros((60, 40), np.uint8), "is 60 x 40, but the photograph is 40 x 60 (height x width)"),
    ],
)
def test_maps_have_the_type_and_size_of_the_photograph(array: np.ndarray, expected: str):
    assert problem("segmentation", array) == problem("saliency", array) == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, ""),
        (-0.0, ""),
        (1, ""),
        (1.0005, ""),
        (1.01, "holds numbers from 0 to 1.01, expected 0 to 1"),
        (-0.001, "holds numbers from -0.001 to 0, expected 0 to 1"),
        (np.nan, "holds numbers that are not finite"),
        (np.inf, "holds numbers that are not finite"),
        (-np.inf, "holds numbers that are not finite"),
    ],
)
def test_cams_lie_between_0_and_1(dtype: type[np.floating[Any]], value: float, expected: str):
    array = np.zeros((1, 10, 15), dtype)
    array[0, 3, 4] = value
    assert problem("cams", array, attributes={"classes": np.array([2])}, named=[2]) == expected


def test_refined_cams_may_pass_1_but_are_not_negative():
    attributes = {"classes": np.array([2])}
    array = np.full((1, 10, 15), 1.5, np.float16)
    assert problem("cams", array, attributes=attributes, refined=True) == ""
    assert "expected 0 and more" in problem("cams", -array, attributes=attributes, refined=True)


def test_cams_of_no_class_are_cams():
    assert problem("cams", np.zeros((0, 1, 1), np.float16), attributes={"classes": np.zeros(0)}, named=[]) == ""


def test_cams_are_as_large_as_the_photograph_or_what_networks_see_at_most():
    attributes = {"classes": np.array([1])}
    assert problem("cams", np.zeros((1, 40, 64), np.float16), attributes=attributes) == ""
    assert "is 40 x 65, more than" in problem("cams", np.zeros((1, 40, 65), np.float16), attributes=attributes)


def test_other_kinds_hold_what_they_like():
    assert problem("scores", np.zeros(3, complex)) == ""


def test_label_maps_of_data_without_background_hold_no_0():
    labels = np.full(LARGE, 2, np.uint8)
    assert problem("segmentation", labels, background=False) == ""
    labels[3, 4] = 0
    said = "holds the value 0, but the data set has no background (data.background is false)"
    assert problem("segmentation", labels, background=False) == problem("reassigned", labels, background=False) == said
    # saliency knows no classes
    assert problem("saliency", labels, background=False) == ""
