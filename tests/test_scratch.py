"""Long lists on the disk."""

from __future__ import annotations

import sqlite3
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wsss import scratch
from wsss.errors import InputError
from wsss.scratch import ROW, ScratchTable

MANY = 20_000


def of_many() -> ScratchTable:
    table = ScratchTable("name UNIQUE", "number")
    for number in range(MANY):
        table.append(b"images/%06d" % ((number * 7919) % MANY), number)
    return table


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_rows_are_found_and_keep_their_order():
    table = ScratchTable("name UNIQUE", "number")
    assert [table.append(name, number) for number, name in enumerate((b"b", b"a", b"\xff"))] == [True] * 3
    assert len(table) == 3
    assert table.first(ROW, "name = ?", b"\xff") == (2,)
    assert table.first("name, number", f"{ROW} = ?", 1) == (b"a", 1)
    assert table.first(ROW, "name = ?", b"c") is None
    assert list(table.rows("name")) == [(b"b",), (b"a",), (b"\xff",)]
    assert [name for (name,) in table.rows("name", "ORDER BY name")] == [b"a", b"b", b"\xff"]
    assert list(table.rows(ROW, "WHERE number > ?", 0)) == [(1,), (2,)]


def test_what_is_there_is_not_added_again():
    table = ScratchTable("name UNIQUE")
    assert [table.append(name) for name in (b"a", b"a", b"b")] == [True, False, True]
    assert list(table.rows(f"{ROW}, name")) == [(0, b"a"), (1, b"b")]


def test_several_rows_are_added_at_once():
    table = ScratchTable("name UNIQUE")
    table.append(b"c")
    table.extend((name,) for name in (b"b", b"a"))
    table.extend([])
    assert len(table) == 3
    assert list(table.rows(f"{ROW}, name", "ORDER BY name")) == [(2, b"a"), (1, b"b"), (0, b"c")]


def test_many_rows_lie_on_the_disk_in_a_file_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    handles = open_files()
    table = of_many()
    assert open_files() == handles + 1
    assert list(tmp_path.iterdir()) == []
    assert sorted(number for (number,) in table.rows("number", "ORDER BY name")) == list(range(MANY))
    del table
    assert open_files() == handles


def test_few_rows_stay_in_memory():
    handles = open_files()
    table = ScratchTable("name UNIQUE")
    table.append(b"a")
    assert open_files() == handles


def test_python_holds_nothing_of_a_row():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        table = of_many()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(table) == MANY
    # other threads of the process may take some; as objects they take 2 MB
    assert held < 10 * MANY


def test_a_list_that_is_given_up_after_its_table_says_nothing():
    table = of_many()
    rows = table.rows("name")
    assert next(rows) == (b"images/000000",)
    table._connection.close()
    rows.close()


def test_several_threads_use_it_at_once():
    table = of_many()
    names = [b"images/%06d" % number for number in range(0, MANY, 3)]
    expected = [table.first(ROW, "name = ?", name) for name in names]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda name: table.first(ROW, "name = ?", name), names)) == expected
        lists = list(threads.map(lambda _: list(table.rows("number", "ORDER BY number")), range(8)))
    assert lists == [[(number,) for number in range(MANY)]] * 8


def test_a_list_that_ends_in_an_error_goes_on():
    def rows():
        yield (b"a",)
        raise KeyError("b")

    table = ScratchTable("name UNIQUE")
    with pytest.raises(KeyError):
        table.extend(rows())
    assert len(table) == 1
    assert table.append(b"c")
    assert list(table.rows(f"{ROW}, name")) == [(0, b"a"), (1, b"c")]


def test_lists_are_gone_through_side_by_side():
    table = of_many()
    assert all(one == other for one, other in zip(table.rows("name"), table.rows("name"), strict=True))
    first = table.rows("name")
    next(first)
    del table
    first.close()


def test_the_folder_is_the_one_that_sqlite_takes(tmp_path, monkeypatch):
    for name in ("SQLITE_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    assert str(scratch._folder()) == "/var/tmp"
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    assert str(scratch._folder()) == "/var/tmp"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert scratch._folder() == tmp_path
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path.parent))
    assert scratch._folder() == tmp_path.parent


def test_a_full_folder_of_temporary_files_is_one_line(tmp_path, monkeypatch):
    class Full:
        def execute(self, *_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        executemany = execute

    table = ScratchTable("name UNIQUE")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(table, "_connection", Full())
    for use in (
        lambda: table.append(b"a"),
        lambda: table.extend([(b"a",)]),
        lambda: table.first(ROW, "name = ?", b"a"),
        lambda: list(table.rows(ROW)),
    ):
        with pytest.raises(InputError, match=rf"^{tmp_path}: .*database or disk is full.*set TMPDIR to another"):
            use()


def test_the_cache_is_bounded():
    table = ScratchTable("name")
    (size,) = table._connection.execute("PRAGMA cache_size").fetchone()
    assert size == -scratch.CACHE_KILOBYTES
