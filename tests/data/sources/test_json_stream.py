"""A JSON that is read piece by piece says the same as one that is read whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wsss.data.sources import json_stream
from wsss.data.sources.json_stream import stream_items
from wsss.errors import InputError

CONTENT = {
    "info": {"year": 2017, "text": "größe [1, 2}", "nested": [[1], {"a": []}]},
    "number": 12345,
    "images": [{"id": 1, "name": "写真.jpg"}, {"id": 22}, 345, "text", None],
    "empty": [],
    "last": -1.5e3,
}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    content = path.read_bytes()
    for item in stream_items(path, "data.x"):
        if item.number is None:
            found[item.key] = list(item.value) if item.value == [] else item.value
        else:
            assert item.number == len(found[item.key])
            found[item.key].append(item.value)
            assert json.loads(content[item.start : item.start + item.length]) == item.value
    return found


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 2**20])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii", [True, False])
def test_chunks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, indent: int | None, ascii: bool
) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(CONTENT, indent=indent, ensure_ascii=ascii), encoding="utf-8")
    assert read(path) == CONTENT
    path.write_text(json.dumps(CONTENT, indent=indent, ensure_ascii=ascii), encoding="utf-8-sig")
    assert read(path) == CONTENT
    path.write_text(" {\n} \n")
    assert read(path) == {}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[1]", "7", "{", "{,}", '{"a"}', '{"a": }', '{"a": 1', '{"a": 1,}', '{"a": 1 "b": 2}', '{"a": 1} x',
     '{"a": [}', '{"a": [1', '{"a": [1,]}', '{"a": [,1]}', '{"a": 1, "a": 2}', "{1: 2}", '{"a": nul}',
     '{"a": ' + "[" * 100_000 + "}", '{"a": "\xff"}', '{"a": ' + "1" * 5000 + "}"],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [3, 2**20])
def test_what_is_no_json_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, chunk: int) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", chunk if len(text) < 1000 else 2**20)
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.json: not valid JSON of COCO's kind near byte \d+ \(.+\)") as caught:
        list(stream_items(path, "data.x"))
    assert "\n" not in str(caught.value)


def test_of_a_damaged_item_no_more_is_read_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 16)
    monkeypatch.setattr(json_stream, "LARGEST", 70)
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, nope, ' + "1, " * 10_000 + "1]}")
    with path.open("rb") as handle, pytest.raises(ValueError, match="Expecting value"):
        text = json_stream._Text(handle)
        try:
            list(json_stream._items(text))
        finally:
            assert handle.tell() < 100


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path, expected in ((tmp_path / "no.json", "no such file; correct `data.x`"), (tmp_path, "cannot be read")):
        with pytest.raises(InputError, match=expected):
            list(stream_items(path, "data.x"))
