from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest

from wsss.report.image_numbers import ImageNumbers


def row(image: str, **numbers: str) -> dict[str, str]:
    return {"image": image, "iou": "", "coverage": "", "foreground": "", "change": "", **numbers}


def of(*rows: dict[str, str]) -> ImageNumbers:
    numbers = ImageNumbers()
    for one in rows:
        numbers.add(one)
    return numbers


def test_what_is_known_of_an_image_comes_back() -> None:
    numbers = of(row("b/c", iou="0.5", coverage="1"), row("a", change="0.25"), row("é"))
    assert list(numbers.items()) == [("b/c", {"iou": 0.5, "coverage": 1.0}), ("a", {"change": 0.25}), ("é", {})]
    assert len(numbers) == 3
    assert "a" in numbers
    # what an address may hold
    assert [numbers.get(name, {}) for name in ("d", "\udcff", "a\0")] == [{}, {}, {}]
    assert not ImageNumbers()


def test_numbers_come_back_as_they_were() -> None:
    texts = ("0.1", "1", "1e-320", "0.30000000000000004", "inf", "-7.25")
    numbers = of(*(row(text, iou=text) for text in texts))
    found = [numbers[text]["iou"] for text in texts]
    assert found == [float(text) for text in texts]
    assert {type(number) for number in found} == {float}
    assert of(row("a", iou="nan", coverage="1"))["a"] == {"coverage": 1.0}


def test_images_come_in_the_order_of_a_number_and_equal_ones_by_name() -> None:
    names = ["b", "a/b", "é", "a", "a.b", "\U0001f600", "\uffee", "B"]
    numbers = of(*(row(name, iou="0.5") for name in names), row("worst", iou="0"), row("z", change="1"))
    assert list(numbers.in_order("iou")) == ["worst", *sorted(names)]
    assert [numbers.count(key) for key in ("iou", "coverage", "change")] == [len(names) + 1, 0, 1]
    assert list(numbers.in_order("coverage")) == []


def test_a_damaged_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        of(row("a", iou="half"))
    with pytest.raises(KeyError):
        of({"image": "a"})
    with pytest.raises(ValueError, match="it has image `a` twice"):
        of(row("a"), row("b"), row("a"))


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        numbers = ImageNumbers()
        for image in range(20_000):
            numbers.add(row(f"image_{image:06d}", iou=f"{image * 7919 % 20_000}", coverage="0.5"))
        ordered = pairwise(numbers[image]["iou"] for image in numbers.in_order("iou"))
        assert all(first < second for first, second in ordered)
        held = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # other threads of the process may take some; as objects they take 3 MB
    assert held < 10 * 20_000
