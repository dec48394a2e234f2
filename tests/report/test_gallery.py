from __future__ import annotations

from wsss.report.gallery import choose


def test_samples_are_spread_from_the_worst_to_the_best():
    numbers = {f"image{place}": {"iou": place / 10} for place in range(11)}
    ids, order = choose(("seed labels", numbers), list(numbers), 3)
    assert ids == ["image0", "image5", "image10"]
    assert order == "from the worst to the best by IoU of seed labels"
    assert choose(("", {}), ["a", "b", "c"], 2) == (["a", "b"], "the first of the list")
    assert choose(("x", {"a": {"coverage": 1.0}}), ["a"], 5)[0] == ["a"]
