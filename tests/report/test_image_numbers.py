from __future__ import annotations

import tracemalloc

import pytest

from wsss.report.image_numbers import ImageNumbers


def row(image: str, **numbers: str) -> dict[str, str]:
    return {"image": image, "iou": "", "coverage": "", "foreground": "", "change": "", **numbers}


def test_what_is_known_of_an_image_comes_back() -> None:
    numbers = ImageNumbers()
    numbers.add(row("a", iou="0.5", coverage="1"))
    numbers.add(row("b/c", change="0.25"))
    assert dict(numbers) == {"a": {"iou": 0.5, "coverage": 1.0}, "b/c": {"change": 0.25}}
    assert numbers.get("d", {}) == {}
    # the last row of an image counts, as in a dictionary
    numbers.add(row("a", foreground="0"))
    assert dict(numbers) == {"a": {"foreground": 0.0}, "b/c": {"change": 0.25}}


def test_things_of_one_table_share_the_places_of_their_images() -> None:
    places: dict[str, int] = {}
    first, second = ImageNumbers(places), ImageNumbers(places)
    first.add(row("a", iou="0.5"))
    second.add(row("b", iou="0.25"))
    second.add(row("c"))
    first.add(row("d", iou="1"))
    assert dict(first) == {"a": {"iou": 0.5}, "d": {"iou": 1.0}}
    assert dict(second) == {"b": {"iou": 0.25}, "c": {}}
    assert len(first) == len(second) == 2
    assert "b" not in first
    assert "d" not in second


def test_a_damaged_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        ImageNumbers().add(row("a", iou="half"))
    with pytest.raises(KeyError):
        ImageNumbers().add({"image": "a"})


def test_a_hundred_thousand_images_take_few_bytes_each() -> None:
    def filled() -> list[ImageNumbers]:
        places: dict[str, int] = {}
        things = [ImageNumbers(places) for _ in range(5)]
        for image in range(20_000):
            for numbers in things:
                numbers.add(row(f"image_{image:06d}", iou="0.123", coverage="0.5"))
        return things

    tracemalloc.start()
    try:
        kept = filled()
        # of this test and its module, not of threads that other tests have left
        own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*image_numbers.py")])
    finally:
        tracemalloc.stop()
    held = sum(trace.size for trace in own.traces)
    assert held > 5 * 20_000 * 33
    # dictionaries took 400 each
    assert held / len(kept[0]) < 200 + 5 * 40
