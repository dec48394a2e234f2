"""Which columns hold photographs, classes and masks, and what a cell says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.exchange.hub_tables import CLASS, FEATURES, IMAGE, NUMBER, TEXT
from wsss.errors import InputError
from wsss.exchange.arrow_columns import Chosen, choose_columns, columns_of, name_of, picture_of, suffix_of


def chosen(features: dict[str, Any], *, image: str = "", labels: str = "", masks: str = "") -> Chosen:
    return choose_columns(columns_of(features, "t"), "t", image=image, labels=labels, masks=masks)


def names(features: dict[str, Any], **options: str) -> tuple[str, str, str]:
    found = chosen(features, **options)
    return found.photographs.name, found.labels.name, found.masks.name if found.masks else ""


def refused(features: dict[str, Any], **options: str) -> str:
    with pytest.raises(InputError) as caught:
        chosen(features, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


BOXES = {"feature": {"feature": {"dtype": "float32", "_type": "Value"}, "length": 4, "_type": "List"}, "_type": "List"}
OBJECTS = {"bbox": BOXES, "category": {"feature": CLASS, "_type": "List"}}
OLD = {"feature": {"bbox": BOXES, "category": CLASS}, "length": -1, "id": None, "_type": "Sequence"}


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (FEATURES, ("image", "labels", "mask")),
        ({"img": IMAGE, "coarse": CLASS, "caption": TEXT}, ("img", "coarse", "")),
        ({"image": IMAGE, "annotation": IMAGE, "scene_category": CLASS}, ("image", "scene_category", "annotation")),
        ({"image": IMAGE, "depth": IMAGE, "label": TEXT, "caption": TEXT}, ("image", "label", "")),
        ({"image": IMAGE, "image_id": NUMBER, "objects": OBJECTS}, ("image", "objects.category", "")),
        ({"image": IMAGE, "objects": OLD}, ("image", "objects.category", "")),
        ({"image": IMAGE, "objects": [{"category": CLASS}]}, ("image", "objects.category", "")),
        ({"png": {"dtype": "large_binary", "_type": "Value"}, "class": NUMBER}, ("png", "class", "")),
        ({"i": {"bytes": {"dtype": "binary", "_type": "Value"}, "path": TEXT}, "tag": TEXT}, ("i", "tag", "")),
    ],
)
def test_columns_that_are_clear(features: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert names(features) == expected


TWO = {"image": IMAGE, "other": IMAGE, "fine": CLASS, "coarse": CLASS, "text": TEXT, "mask": IMAGE, "mask 2": IMAGE}


def test_columns_that_are_named() -> None:
    named = {"image": "other", "labels": "text", "masks": "image"}
    assert names(TWO, **named) == ("other", "text", "image")
    assert chosen(TWO, **named).columns == ["other", "text", "image"]


@pytest.mark.parametrize(
    ("features", "options", "expected"),
    [
        (TWO, {"masks": "mask"}, "t: 2 columns may be meant by `--labels`; name one by `--labels`: there are image"),
        (TWO, {"labels": "fine"}, "t: 2 columns may be meant by `--masks`"),
        ({"a": IMAGE, "b": IMAGE}, {}, "t: no columns may be meant by `--image`"),
        ({"image": IMAGE, "caption": TEXT}, {}, "no columns may be meant by `--labels`"),
        ({"image": IMAGE, "f": CLASS}, {"labels": "g"}, "t: no column is called `g`; name one by `--labels`"),
        ({"image": IMAGE, "f": CLASS}, {"image": "f"}, "t: `f` holds classes, not pictures; there are image"),
        ({"image": IMAGE, "f": CLASS}, {"masks": "f"}, "t: `f` holds classes, not pictures"),
        ({"image": IMAGE, "b": BOXES}, {"labels": "b"}, "t: `b` holds float32, not classes"),
        ({"images": {"feature": IMAGE, "_type": "List"}, "f": CLASS}, {}, "no columns may be meant by `--image`"),
    ],
)
def test_columns_that_are_not(features: dict[str, Any], options: dict[str, str], expected: str) -> None:
    assert expected in refused(features, **options)


def test_the_line_lists_what_there_is() -> None:
    features = {"a": IMAGE, "b": IMAGE, "fine": CLASS, "id": NUMBER, "objects": OBJECTS}
    listed = "there are a (pictures), b (pictures), fine (3 classes), id (whole numbers), objects.bbox (float32), "
    assert refused(features).endswith(listed + "objects.category (3 classes)")


@pytest.mark.parametrize("feature", [3, None, [], {"_type": "List"}, {"_type": 3}, {"a": 1}, {"_type": "Value"}])
def test_damaged_features(feature: Any) -> None:
    try:
        columns_of({"a": feature}, "t")
    except InputError as error:
        assert str(error) == "t: the description of its columns is damaged; write the data set again"


@pytest.mark.parametrize(
    ("features", "row", "expected"),
    [
        ({"l": CLASS}, {"l": 1}, ("bicycle",)),
        ({"l": {"feature": CLASS, "_type": "Sequence"}}, {"l": [2, 0, 2]}, ("bird", "aeroplane")),
        ({"l": {"feature": CLASS, "_type": "Sequence"}}, {"l": []}, ()),
        ({"objects": OBJECTS}, {"objects": {"bbox": [[0.0] * 4], "category": [1]}}, ("bicycle",)),
        ({"objects": [{"category": CLASS}]}, {"objects": [{"category": 0}, {"category": 1}]}, ("aeroplane", "bicycle")),
        ({"label": TEXT}, {"label": " a cat "}, ("a cat",)),
        ({"label": TEXT}, {"label": ""}, ()),
        ({"label": TEXT}, {"label": "background"}, ()),
        ({"label": NUMBER}, {"label": 7}, ("7",)),
    ],
)
def test_the_classes_of_a_row(features: dict[str, Any], row: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert chosen({"image": IMAGE} | features).labels.classes(row, "t row 0") == expected


def test_the_picture_of_a_cell() -> None:
    assert picture_of({"bytes": b"a", "path": "/x/a.jpg"}, "t") == picture_of(b"a", "t") == b"a"
    assert picture_of(None, "t") is picture_of({"bytes": None, "path": None}, "t") is picture_of(b"", "t") is None
    for cell in ("a.jpg", {"bytes": None, "path": "a.jpg"}):
        with pytest.raises(InputError, match=r"^t row 3: holds no picture, only the path 'a\.jpg'; "):
            picture_of(cell, "t row 3")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.jpg", "a"),
        ("x/y/a b.c.jpeg", "a b.c"),
        ("C:\\x\\a.PNG", "a"),
        ("a", "a"),
        ("zip://a/b.jpg::https://x/y.jpg", "y"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_name_of_a_cell(path: str | None, expected: str) -> None:
    assert name_of({"bytes": b"", "path": path}) == expected
    assert name_of(b"") == ""


def test_what_a_file_is_called_by_its_content() -> None:
    begins = {".jpg": b"\xff\xd8\xff\xe0", ".png": b"\x89PNG\r\n\x1a\n", ".webp": b"RIFF\n\r\0\0WEBP", ".bmp": b"BM"}
    begins |= {".gif": b"GIF89a"}
    assert {suffix: suffix_of(content + bytes(9), "t") for suffix, content in begins.items()} == {
        suffix: suffix for suffix in begins
    }
    assert {suffix_of(head + bytes(9), "t") for head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")} == {".tif"}
    for content in (b"a", b"RIFF1234WAVE", b"II**"):
        with pytest.raises(InputError, match="holds no picture that is known"):
            suffix_of(content, "t")
