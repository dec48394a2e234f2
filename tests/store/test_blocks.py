"""Rows of a table that stays in the file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from wsss.store import blocks
from wsss.store.blocks import BLOCK, Blocks

MANY = 9 * BLOCK + 1


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> h5py.Dataset:
    monkeypatch.setattr(blocks, "READ_AT_ONCE", 2 * BLOCK)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = np.arange(2 * MANY).reshape(MANY, 2)
        yield file["table"]


def test_rows_are_those_of_the_table(table: h5py.Dataset) -> None:
    rows = Blocks(table)
    assert (len(rows), rows.shape, rows.dtype) == (MANY, (MANY, 2), np.int64)
    assert [rows[row].tolist() for row in (0, BLOCK - 1, BLOCK, MANY - 1)] == table[()][
        [0, BLOCK - 1, BLOCK, -1]
    ].tolist()
    assert np.array_equal(np.concatenate([*rows.runs()]), table[()])
    assert [len(run) for run in rows.runs()] == [2 * BLOCK] * 4 + [BLOCK + 1]
    assert np.array_equal(np.concatenate([*rows.runs(slice(3, 5 * BLOCK))]), table[3 : 5 * BLOCK])
    assert list(rows.runs(slice(7, 7))) == []


def test_few_blocks_are_in_memory(table: h5py.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "KEPT_BLOCKS", 2)
    rows = Blocks(table)
    assert [int(rows[row][0]) for row in range(0, MANY, 100)] == list(range(0, 2 * MANY, 200))
    assert sum(map(len, rows._kept.values())) <= 2 * BLOCK


def test_a_short_table_is_read_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = np.arange(3)
        rows = Blocks(file["table"])
    assert [rows[row] for row in range(3)] == [0, 1, 2]
    assert [run.tolist() for run in rows.runs()] == [[0, 1, 2]]


def test_several_threads_ask_at_once(table: h5py.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "KEPT_BLOCKS", 1)
    rows, order = Blocks(table), [(number * 7919) % MANY for number in range(MANY)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda row: int(rows[row][0]), order)) == [2 * row for row in order]
