"""Lists on the disk say what lists and dictionaries of objects say."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from wsss.data.sources.lists import UNIQUE_ID, ById, IdList, LabelsById, TextList, bytes_of, text_of
from wsss.scratch import ScratchTable

TEXTS = ["a", "", "größe/写真 1", "\udcff.jpg", "a" * 500, "a"]


def test_texts_come_back() -> None:
    texts = TextList(TEXTS)
    assert list(texts) == TEXTS
    assert texts[1:4] == TEXTS[1:4]
    assert (texts[-1], len(texts)) == ("a", 6)
    with pytest.raises(IndexError):
        texts[6]
    assert list(TextList()) == []


def test_ids_are_found_as_in_a_dictionary() -> None:
    random = np.random.default_rng(0)
    rows = {f"{number:x}": row for row, number in enumerate(random.permutation(5000).tolist())}
    ids = IdList(rows)
    assert list(ids) == list(rows)
    assert [ids.row(image_id) for image_id in rows] == list(rows.values())
    assert [image_id for image_id in (f"{number:x}" for number in range(6000)) if image_id in ids] == sorted(
        rows, key=lambda image_id: int(image_id, 16)
    )
    assert ids.row("") is None
    assert 7 not in ids
    with pytest.raises(ValueError, match="'1f' is there twice"):
        ids.append("1f")
    assert len(ids) == 5000


def test_labels_come_back() -> None:
    labels = LabelsById()
    given = {"a": (1, 2, 3), "b": None, "c": (), "\udcff": (254,), "e": (3, 1)}
    for image_id, own in given.items():
        labels.add(image_id, own)
    assert {image_id: labels[image_id] for image_id in given} == given
    with pytest.raises(KeyError, match="'f'"):
        labels["f"]


def test_what_is_made_of_rows() -> None:
    table = ScratchTable(UNIQUE_ID, "text", "number")
    for row in (("b", "xyz", 2), ("a", "", 3)):
        table.append(bytes_of(row[0]), bytes_of(row[1]), row[2])
    made = ById(table, "text, number", lambda text, number: text_of(text) * number)
    assert list(made.items()) == [("b", "xyzxyz"), ("a", "")]
    assert dict(made) == {"b": "xyzxyz", "a": ""}
    assert made.get("c") is None
    assert "c" not in made


def test_memory_holds_nothing_of_an_id() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        ids = IdList(f"train/image_{number:06d}" for number in range(20_000))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # other threads may hold something too; a dictionary takes 150 an id
    assert held < 10 * len(ids)
