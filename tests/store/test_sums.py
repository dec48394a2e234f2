from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from wsss.checksums import Sums
from wsss.store import blocks
from wsss.store.blocks import BLOCK
from wsss.store.sums import SumList, SumTable

SUMS = {"cams/a b": Sums(2**32 - 1, 0, True), "tables/x": Sums(1, 2, False), "cams/ü": Sums(5, 2**31, True)}
NAMES = ["b/ü", "a", "b/c", "b0", "b-/x", "zebra" * 9]
MANY = 9 * BLOCK + 1


def listed(sums: dict[str, Sums]) -> SumList:
    written = SumList()
    for name, of in sums.items():
        written.add(name, of)
    return written


def table_of(written: SumList) -> SumTable:
    return SumTable(np.concatenate([np.array([], written.dtype), *written.runs()]))


def names_of(table: SumTable, rows: slice = slice(None)) -> list[str]:
    return [name.decode() for block in table.runs(rows) for name in block["name"].tolist()]


def test_checksums_come_back_in_the_order_of_names() -> None:
    table = table_of(listed(SUMS))
    assert names_of(table) == sorted(SUMS)
    assert {name: table[name] for name in SUMS} == SUMS
    with pytest.raises(KeyError):
        _ = table["cams/a"]
    joined = listed({"cams/0": Sums(7, 8, False)})
    joined.add_all(table)
    both = table_of(joined)
    assert len(joined) == len(both) == 4
    assert names_of(both) == sorted({"cams/0", *SUMS})
    assert both["cams/0"] == Sums(7, 8, False)
    assert {name: both[name] for name in SUMS} == SUMS


def test_an_artifact_without_arrays_has_an_empty_table() -> None:
    table = table_of(SumList())
    assert len(table) == 0
    assert table.folders() == []
    with pytest.raises(KeyError):
        _ = table["cams/a"]


@pytest.mark.parametrize("names", [NAMES, sorted(NAMES), []])
def test_names_are_found_in_any_order(names: list[str]) -> None:
    table = SumTable.without_sums(names)
    assert names_of(table) == sorted(names)
    assert all(name in table for name in names)
    for absent in ("b", "ab", "zebra", "zebra" * 10, "zz", "\ud800", "a\0", 3):
        assert absent not in table


@pytest.mark.parametrize("each", [1, BLOCK - 1, BLOCK, 3 * BLOCK])
def test_folders_of_names(monkeypatch: pytest.MonkeyPatch, each: int) -> None:
    monkeypatch.setattr(blocks, "READ_AT_ONCE", BLOCK)
    folders = {"cams": ["a", "b/c"], "cams-2": ["a"], "tables": ["ü"]}
    for names in folders.values():
        names += [f"x/{number:05d}" for number in range(each)]
    table = SumTable.without_sums(["root", *(f"{folder}/{name}" for folder in folders for name in folders[folder])])
    assert table.folders() == ["cams-2", "cams", "root", "tables"]
    for folder, names in folders.items():
        assert names_of(table, table.below(folder)) == sorted(f"{folder}/{name}" for name in names)
    for absent in ("cam", "d", "cams/b/c/and/longer", "\U0001f600"):
        assert names_of(table, table.below(absent)) == []


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number, damaged in enumerate((b"{", b"[1, 2]", b'{"a": 3}', b'{"a": [1, 2]}')):
            file[f"{number}"] = np.frombuffer(damaged, np.uint8)
            with pytest.raises((ValueError, TypeError, AttributeError)):
                SumTable.of(file[f"{number}"])
    for text in (b"a\xff", b"\xff"):
        with pytest.raises(ValueError, match="utf-8"):
            SumTable(np.array([(text, 1, 2, 0)], listed({"ab": Sums(0, 0, False)}).dtype))


def test_many_arrays_are_found() -> None:
    order = [(number * 7919) % MANY for number in range(MANY)]
    table = table_of(listed({f"segmentation/{number:06d}": Sums(number, number + 1, True) for number in order}))
    assert [table[f"segmentation/{number:06d}"].content for number in order] == order
    assert names_of(table) == [f"segmentation/{number:06d}" for number in range(MANY)]
    assert f"segmentation/{MANY:06d}" not in table
