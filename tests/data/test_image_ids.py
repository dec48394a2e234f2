"""Ids of images without an object for each."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from wsss.data.image_ids import ImageIds
from wsss.store import Texts

ALL = Texts.of(["b", "a/ü", "c", "a/b"])


@pytest.fixture
def ids() -> ImageIds:
    return ImageIds(ALL, np.array([3, 0, 1]))


def test_they_are_a_sequence(ids: ImageIds) -> None:
    assert list(ids) == ["a/b", "b", "a/ü"]
    assert len(ids) == 3
    assert [ids[0], ids[-1]] == ["a/b", "a/ü"]
    assert "b" in ids
    for absent in ("c", "d", 0):
        assert absent not in ids
    assert not ids[:0]
    with pytest.raises(IndexError):
        _ = ids[3]


def test_parts_of_them_are_ids_too(ids: ImageIds) -> None:
    assert ids[::-1] == ["a/ü", "b", "a/b"]
    assert ids[1:].rows.tolist() == [0, 1]
    assert ids.where(np.array([True, False, True])) == ["a/b", "a/ü"]
    assert ids[:1] + ids[2:] == ["a/b", "a/ü"]


def test_they_equal_what_holds_the_same(ids: ImageIds) -> None:
    assert ids == ["a/b", "b", "a/ü"] == ids
    assert ids == ("a/b", "b", "a/ü")
    assert ids == ids[:]
    for other in (["a/b", "b"], ["a/b", "a/ü", "b"], "abc", 3):
        assert ids != other


def test_only_they_go_to_other_processes(ids: ImageIds) -> None:
    many = Texts.of(f"{number:08d}" for number in range(10_000))
    few = ImageIds(many, np.array([7, 9999]))
    content = pickle.dumps(few)
    assert len(content) < 1000
    assert pickle.loads(content) == ["00000007", "00009999"]
    assert pickle.loads(pickle.dumps(ids)) == ids


def test_they_join_ids_of_any_origin(ids: ImageIds) -> None:
    other = ImageIds.of(["c", "x"])
    expected = ["a/b", "b", "a/ü", "c", "x"]
    assert ids + other == ids + list(other) == pickle.loads(pickle.dumps(ids)) + other == expected
    assert list(other) + ids == other + ids == ["c", "x", "a/b", "b", "a/ü"]
    assert ids + pickle.loads(pickle.dumps(ids)) == [*ids, *ids]


def test_copies_have_the_same_rows(ids: ImageIds) -> None:
    for twin in (copy.copy(ids), copy.deepcopy(ids)):
        assert twin.rows.tolist() == [3, 0, 1]
    sent = pickle.loads(pickle.dumps(ids))
    assert sent.rows_in(ALL).tolist() == ids.rows_in(ALL).tolist() == [3, 0, 1]
    assert ImageIds.of(["c", "d"]).rows_in(ALL).tolist() == [2, -1]


def test_they_say_what_they_are(ids: ImageIds) -> None:
    assert repr(ids) == "ImageIds(['a/b', 'b', 'a/ü'])"
    assert repr(ids + ids) == "ImageIds(['a/b', 'b', 'a/ü'] and others)"
