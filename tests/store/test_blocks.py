"""Rows of a table that stays in the file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from wsss.store import ArtifactReader, ArtifactWriter, blocks
from wsss.store.blocks import BLOCK, Blocks

MANY = 9 * BLOCK + 1


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[h5py.Dataset]:
    monkeypatch.setattr(blocks, "READ_AT_ONCE", 2 * BLOCK)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        about = {"chunks": (BLOCK, 2), "compression": "gzip", "shuffle": True}
        yield file.create_dataset("table", data=np.arange(2 * MANY).reshape(MANY, 2), **about)


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


def test_few_blocks_are_in_memory_where_rows_are_asked_for_in_order(
    table: h5py.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "KEPT_BLOCKS", 2)
    monkeypatch.setattr(blocks, "MANY_BLOCKS", 7)
    monkeypatch.setattr(blocks, "MANY_JUMPS", 3)
    rows = Blocks(table)
    for _ in range(3):
        assert [int(rows[row][0]) for row in range(0, MANY, 100)] == list(range(0, 2 * MANY, 200))
        assert len(rows._kept) == 2
    at_random = [(number * 7919) % MANY for number in range(MANY)]
    assert [int(rows[row][0]) for row in at_random] == [2 * row for row in at_random]
    assert len(rows._kept) == 7


@pytest.mark.parametrize("kind", ["<i8", "u1", "S5", "S1"])
@pytest.mark.parametrize("width", [(), (3,)])
def test_chunks_are_undone_as_hdf5_does(tmp_path: Path, kind: str, width: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    # a chunk of what cannot be compressed is stored as it is
    values = random.integers(1, 120, (MANY, *width, np.dtype(kind).itemsize), np.uint8)
    values[3 * BLOCK : 6 * BLOCK] = 65
    table = values.view(kind).reshape(MANY, *width)
    with ArtifactWriter(tmp_path / "a.h5", stage="index") as artifact:
        artifact.write_blocks("table", [table], table.shape, table.dtype)
    with ArtifactReader(tmp_path / "a.h5") as reader:
        rows = reader.table_rows("table")
        assert isinstance(rows._table, h5py.Dataset)
        assert all(np.array_equal(rows[row], table[row]) for row in range(0, MANY, 7))
        assert np.array_equal(rows[MANY - 1], table[MANY - 1])


def test_a_table_of_other_chunks_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "READ_AT_ONCE", BLOCK)
    values = np.arange(2 * MANY).reshape(MANY, 2)
    ways: list[dict[str, Any]] = [
        {},
        {"chunks": (BLOCK, 2)},
        {"chunks": (BLOCK, 1), "compression": "gzip", "shuffle": True},
        {"chunks": (BLOCK, 2), "compression": "gzip"},
        {"chunks": (100, 2), "compression": "gzip", "shuffle": True},
        {"chunks": (BLOCK, 2), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (BLOCK, 2), "compression": "lzf", "shuffle": True},
    ]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number, way in enumerate(ways):
            rows = Blocks(file.create_dataset(f"{number}", data=values, **way))
            assert not isinstance(rows._table, h5py.Dataset)
            assert all(np.array_equal(rows[row], values[row]) for row in range(0, MANY, 50))


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
