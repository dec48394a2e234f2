from __future__ import annotations

from collections.abc import Mapping

from wsss.report.gallery import choose
from wsss.report.image_numbers import KEYS, ImageNumbers


def numbers_of(images: Mapping[str, Mapping[str, float]]) -> ImageNumbers:
    found = ImageNumbers()
    for image, numbers in images.items():
        found.add({"image": image, **{key: str(numbers.get(key, "")) for key in KEYS}})
    return found


def test_samples_are_spread_from_the_worst_to_the_best():
    numbers = {f"image{place}": {"iou": place / 10} for place in range(11)}
    ids, order = choose(("seed labels", numbers_of(numbers)), list(numbers), 3)
    assert ids == ["image0", "image5", "image10"]
    assert order == "from the worst to the best by IoU of seed labels"
    assert choose(("", ImageNumbers()), ["a", "b", "c"], 2) == (["a", "b"], "the first of the list")
    assert choose(("x", numbers_of({"a": {"coverage": 1.0}})), ["a"], 5)[0] == ["a"]


def test_images_without_the_number_are_left_out_and_equal_ones_come_by_name():
    numbers = numbers_of({"d": {"iou": 1.0}, "c": {"iou": 0.5}, "b": {"coverage": 0.0}, "a": {"iou": 0.5}})
    assert choose(("x", numbers), [], 9)[0] == ["a", "c", "d"]
    assert choose(("x", numbers), [], 2)[0] == ["a", "d"]
    assert choose(("x", numbers), [], 0)[0] == []
