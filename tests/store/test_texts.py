from __future__ import annotations

import numpy as np
import pytest

from wsss.store import texts as texts_module
from wsss.store.texts import Texts

NAMES = ["b/ü", "a", "b/c", "", "b0", "b-/x", "zebra" * 9]


@pytest.mark.parametrize("names", [NAMES, sorted(NAMES), [], [""]])
def test_texts_are_found_in_any_order(names: list[str]) -> None:
    texts = Texts.of(names)
    assert texts.strings() == [texts[row] for row in range(len(texts))] == names
    assert [texts.row(name) for name in names] == list(range(len(names)))
    for absent in ("b", "ab", "zebra", "zebra" * 10, "zz", "\ud800", "a\0"):
        assert texts.row(absent) is None
    others = [*names, "b", "zz", "zebra" * 10]
    assert texts.has(Texts.of(others)).tolist() == [name in names for name in others]
    assert texts.has(texts).all()


def test_many_texts_are_handled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Texts.of(NAMES)
    monkeypatch.setattr(texts_module, "BLOCK", 3)
    texts = Texts.of(NAMES)
    assert np.array_equal(texts.values, whole.values)
    assert texts.strings() == NAMES
    assert texts.strings(np.array([6, 0])) == [NAMES[6], NAMES[0]]
    with pytest.raises(ValueError, match="utf-8"):
        Texts(np.array([*whole.values.tolist(), b"\xff"]))


def test_a_text_that_is_there_twice_is_seen() -> None:
    assert Texts.of(NAMES).are_unique
    assert not Texts.of([*NAMES, "a"]).are_unique
    assert not Texts.of(["a", "a", "b"]).are_unique


def test_folders_of_texts_in_order() -> None:
    texts = Texts.of(sorted(["cams/a", "cams/b/c", "cams-2/a", "root", "tables/ü"]))
    assert texts.folders() == ["cams-2", "cams", "root", "tables"]
    assert texts.within("cams").strings() == ["a", "b/c"]
    assert texts.within("tables").strings() == ["ü"]
    for absent in ("cam", "d", "cams/b/c/and/longer"):
        assert texts.within(absent).strings() == []


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        Texts(np.array([b"a", b"\xff"]))
