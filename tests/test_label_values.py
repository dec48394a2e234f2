from __future__ import annotations

from wsss.label_values import NO_BACKGROUND, class_values, has_background


def test_values_of_classes_with_and_without_background() -> None:
    assert has_background(("background", "cat"))
    assert list(class_values(("background", "cat"))) == [0, 1]
    assert not has_background([NO_BACKGROUND, "cat"])
    assert list(class_values([NO_BACKGROUND, "cat"])) == [1]
    # of a file that names no classes nothing else is known
    assert has_background(())
    assert list(class_values(())) == []
