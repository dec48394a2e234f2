from __future__ import annotations

import numpy as np
import pytest

from wsss.store import texts as texts_module
from wsss.store.texts import Texts

NAMES = ["b/ü", "a", "b/c", "", "b0", "b-/x", "zebra" * 9]


@pytest.mark.parametrize("names", [NAMES, sorted(NAMES), [], [""]])
def test_texts_are_found_in_any_order(names: list[str]) -> None:
    texts = Texts.of(names)
    assert list(texts) == [texts[row] for row in range(len(texts))] == names
    assert [texts.row(name) for name in names] == list(range(len(names)))
    for absent in ("b", "ab", "zebra", "zebra" * 10, "zz", "\ud800", "a\0"):
        assert texts.row(absent) is None
    others = [*names, "b", "zz", "zebra" * 10]
    rows = texts.rows(Texts.of(others).values)
    assert rows.tolist() == [names.index(name) if name in names else -1 for name in others]


def test_many_texts_are_handled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Texts.of(NAMES)
    monkeypatch.setattr(texts_module, "BLOCK", 3)
    texts = Texts.of(NAMES)
    assert np.array_equal(texts.values, whole.values)
    assert list(texts) == NAMES
    assert list(texts.texts(np.array([6, 0, 1, 2]))) == [NAMES[6], *NAMES[:3]]
    with pytest.raises(ValueError, match="utf-8"):
        Texts(np.array([*whole.values.tolist(), b"\xff"]))


def test_a_text_that_is_there_twice_is_seen() -> None:
    assert Texts.of(NAMES).are_unique
    assert not Texts.of([*NAMES, "a"]).are_unique
    assert not Texts.of(["a", "a", "b"]).are_unique


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        Texts(np.array([b"a", b"\xff"]))
