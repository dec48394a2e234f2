"""Packed lists say what lists and dictionaries of objects say."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from wsss.data.sources.packed import MadeFrom, PackedClasses, PackedNames, PackedTexts

TEXTS = ["a", "", "größe/写真 1", "\udcff.jpg", "a" * 500, "a"]


def test_texts_come_back() -> None:
    texts = PackedTexts(TEXTS)
    assert list(texts) == TEXTS
    assert texts[1:4] == TEXTS[1:4]
    assert (texts[-1], len(texts)) == ("a", 6)
    with pytest.raises(IndexError):
        texts[6]
    assert list(PackedTexts()) == []


def test_names_are_found_in_another_process_too() -> None:
    names = PackedNames(TEXTS[:5])
    code = "import pickle, sys; names = pickle.load(sys.stdin.buffer); print([names.row(text) for text in names])"
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", code],
            input=pickle.dumps(names),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert found.stdout.decode().strip() == "[0, 1, 2, 3, 4]"


def test_names_are_found_as_in_a_dictionary() -> None:
    random = np.random.default_rng(0)
    rows = {f"{number:x}": row for row, number in enumerate(random.permutation(5000).tolist())}
    names = PackedNames(rows)
    assert list(names) == list(rows)
    assert [names.row(name) for name in rows] == list(rows.values())
    assert [name for name in (f"{number:x}" for number in range(6000)) if name in names] == sorted(
        rows, key=lambda name: int(name, 16)
    )
    assert names.row("") is None
    assert 7 not in names
    with pytest.raises(ValueError, match="'1f' is there twice"):
        names.append("1f")
    assert len(names) == 5000


def test_classes_come_back() -> None:
    classes = PackedClasses()
    given = [(1, 2, 3), None, (), (254,), (3, 1)]
    for own in given:
        classes.append(own)
    assert [classes[row] for row in range(len(given))] == given


def test_what_is_made_of_texts() -> None:
    lengths = MadeFrom(PackedNames(["b", "a"]), PackedTexts(["xyz", ""]), len)
    assert dict(lengths) == {"b": 3, "a": 0}
    assert lengths.get("c") is None
    assert "c" not in lengths


def test_a_name_takes_few_bytes() -> None:
    tracemalloc.start()
    try:
        names = PackedNames(f"train/image_{number:06d}" for number in range(50_000))
        own = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*packed.py")])
    finally:
        tracemalloc.stop()
    held = sum(trace.size for trace in own.traces)
    assert held > 50_000 * 18
    # a dictionary takes 150
    assert held / len(names) < 50
