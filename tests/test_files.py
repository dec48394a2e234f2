"""Files are written whole or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from wsss.files import CsvWriter, plain, read_json, replacing, write_bytes, write_csv, write_json, write_text


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_neither_file(tmp_path: Path):
    path = tmp_path / "a.txt"
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_what_was_there_before(tmp_path: Path):
    path = tmp_path / "a.txt"
    write_text(path, "before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "before"


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_neither_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_bytes(tmp_path / "a.bin", b"123")
    assert list(tmp_path.iterdir()) == []


def test_text_is_utf8_and_bytes_are_as_given(tmp_path: Path):
    write_text(tmp_path / "a.txt", "×\n")
    write_bytes(tmp_path / "a.bin", memoryview(b"\x00\xff"))
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\x97\n"
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (float("nan"), None, None),
        (np.float32("nan"), 3, None),
        (1 / 3, None, 1 / 3),
        (1 / 3, 3, 0.333),
        (np.float64(2 / 3), 2, 0.67),
        (np.int64(7), 2, 7),
        (np.bool_(True), None, True),
        (True, 2, True),
        ("text", 1, "text"),
        (np.array([[1.25, np.nan]]), 1, [[1.2, None]]),
        ((1, 2.25), 1, [1, 2.2]),
        ({1: {"a": (np.uint8(3), None)}}, None, {"1": {"a": [3, None]}}),
    ],
)
def test_values_become_plain(value: object, digits: int | None, expected: object):
    found = plain(value, digits)
    assert found == expected
    assert type(found) is type(expected)


def test_json_has_null_for_nan_and_rounds_if_asked(tmp_path: Path):
    content = {"miou": 1 / 3, "none": float("nan"), "count": np.int64(2), "name": "×"}
    write_json(tmp_path / "a.json", content, digits=4)
    assert read_json(tmp_path / "a.json") == {"miou": 0.3333, "none": None, "count": 2, "name": "×"}
    write_json(tmp_path / "b.json", content)
    assert json.loads((tmp_path / "b.json").read_text())["miou"] == 1 / 3


def test_json_keeps_lists_and_short_records_on_a_line_each(tmp_path: Path):
    records = [{"a": 1, "b": [1, 2]}, {"a": {"c": {"d": {"e": 2}}}}]
    write_json(tmp_path / "a.json", {"numbers": [1.5, 2.0], "matrix": [[1, 2], [3, 4]], "records": records, "none": []})
    text = (tmp_path / "a.json").read_text()
    assert text.startswith('{\n  "numbers": [1.5, 2.0],\n  "matrix": [\n    [1, 2],\n    [3, 4]\n  ],\n')
    assert re.search(r'  "none": \[\],\n  "sha256": "[0-9a-f]{64}"\n}\n$', text)
    assert json.loads(text)["records"] == records


def test_a_table_has_its_columns_in_order_and_gaps_where_a_row_has_none(tmp_path: Path):
    with CsvWriter(tmp_path / "a.csv", ["name", "iou", "seen"], digits=2) as table:
        table.write({"iou": 0.126, "name": "a,b", "other": 1})
        table.write({"name": "c", "iou": float("nan"), "seen": None})
        table.write({"name": "d", "seen": np.int64(4)})
        assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.csv").read_text() == 'name,iou,seen\n"a,b",0.13,\nc,,\nd,,4\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_table_that_breaks_off_is_not_there(tmp_path: Path):
    with pytest.raises(RuntimeError), CsvWriter(tmp_path / "a.csv", ["name"]) as table:
        table.write({"name": "a"})
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_columns_of_a_table_are_those_of_its_rows_unless_given(tmp_path: Path):
    rows = [{"b": 1}, {"a": 2.5, "b": 3}]
    write_csv(tmp_path / "a.csv", rows)
    assert (tmp_path / "a.csv").read_text() == "b,a\n1,\n3,2.5\n"
    write_csv(tmp_path / "a.csv", rows, ["a"])
    assert (tmp_path / "a.csv").read_text() == 'a\n""\n2.5\n'
    write_csv(tmp_path / "a.csv", [], ["a", "b"])
    assert (tmp_path / "a.csv").read_text() == "a,b\n"
