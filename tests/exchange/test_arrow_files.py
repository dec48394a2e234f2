"""Which tables a data set has, of which split each is, and rows of tables that are whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.hub_tables import FEATURES, Rows, make_hub, make_saved, rows_of, write_parquet, write_saved
from wsss.errors import InputError
from wsss.exchange import arrow_files
from wsss.exchange.arrow_files import TableFile, find_tables, roles_of

pa = pytest.importorskip("pyarrow")

ROW = {"image": {"bytes": b"\xff\xd8\xff", "path": None}, "labels": [0], "mask": None}


def refused(call: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(InputError) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text
    return text


def found(root: Path) -> dict[str, str]:
    return {table.path.relative_to(root).as_posix(): table.split for table in find_tables(root)}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("data/validation-00000-of-00001-0123456789abcdef.parquet", "validation"),
        ("data/fold_1-00000-of-00001.parquet", "fold_1"),
        ("0.0.0/beans-test-00000-of-00001.arrow", "test"),
        ("default/train/0000.parquet", "train"),
        ("default/partial-train/0000.parquet", "train"),
        ("my_valid.parquet", "valid"),
        ("test/data-00000-of-00001.arrow", "test"),
        ("Test.parquet", "test"),
        ("trains/photographs.parquet", ""),
        ("a.PARQUET", ""),
    ],
)
def test_the_split_of_a_table(name: str, split: str, tmp_path: Path) -> None:
    for path in (tmp_path / name, tmp_path / ".cache/hidden.parquet", tmp_path / "README.md"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert found(tmp_path) == {name: split}
    file = tmp_path / name
    assert find_tables(file)[0].path == file


def test_what_save_to_disk_wrote(tmp_path: Path) -> None:
    root = make_saved(tmp_path / "both", {"train": [ROW] * 3, "fold": [ROW]})
    (root / "train/cache-1.arrow").write_bytes(b"of an earlier session")
    assert found(root) == {
        "train/data-00000-of-00002.arrow": "train",
        "train/data-00001-of-00002.arrow": "train",
        "fold/data-00000-of-00001.arrow": "fold",
    }
    assert found(root / "fold") == {"data-00000-of-00001.arrow": ""}
    state = json.loads((root / "fold/state.json").read_text())
    for change, expected in (
        ({"_data_files": [{"filename": "../train/data-00000-of-00002.arrow"}]}, "lies outside of its folder"),
        ({"_data_files": [{"filename": "data-00001-of-00002.arrow"}]}, "no such file, and state.json names it"),
        ({"_data_files": [{}]}, "its dataset_dict.json or state.json is damaged"),
        ({"_data_files": None}, "its dataset_dict.json or state.json is damaged"),
        ({"_indices_data_files": [{"filename": "indices.arrow"}]}, "keeps a choice of rows apart"),
    ):
        (root / "fold/state.json").write_text(json.dumps(state | change))
        assert expected in refused(find_tables, root)
    (root / "fold/state.json").write_text("{")
    assert refused(find_tables, root) == f"{root / 'fold/state.json'}: damaged; write the data set again"
    (root / "fold/state.json").unlink()
    assert refused(find_tables, root).startswith(f"{root / 'fold'}: there is no state.json")


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(find_tables, tmp_path / "none")
    assert "holds no file .parquet or .arrow" in refused(find_tables, tmp_path)
    (tmp_path / "a.csv").touch()
    assert "is no table of photographs" in refused(find_tables, tmp_path / "a.csv")
    for name in ("a/train-00000-of-00001.parquet", "b/train-00000-of-00001.parquet"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert "two data sets in one folder; give the folder of one" in refused(find_tables, tmp_path)
    (tmp_path / "a/train-00000-of-00001.parquet").rename(tmp_path / "a/train-00000-of-00003.parquet")
    assert f"{tmp_path / 'a'}: 1 of 3 files train-...-of-00003 are there" in refused(find_tables, tmp_path)
    os.mkfifo(tmp_path / "b.parquet")
    assert "is a pipe, not a file" in refused(find_tables, tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("names", "said", "roles"),
    [
        (("train", "validation", "test"), {}, ("train", "val", "")),
        (("training", "test"), {}, ("train", "val")),
        (("train", "dev", "eval"), {"eval": "val", "dev": "none"}, ("train", "", "val")),
        (("train", "test"), {"test": "none"}, ("train", "")),
        (("validation",), {}, ("train",)),
        (("",), {}, ("train",)),
        (("a", "b"), {"a": "train", "b": "train"}, ("train", "train")),
    ],
)
def test_what_splits_are_for(names: tuple[str, ...], said: dict[str, str], roles: tuple[str, ...]) -> None:
    tables = [TableFile(Path(f"{name}.parquet"), name) for name in names for _ in range(2)]
    assert roles_of(tables, said, Path("x")) == dict(zip(names, roles, strict=True))


@pytest.mark.parametrize(
    ("names", "said", "expected"),
    [
        (("train", "extra one"), {}, "its splits are `train`, `extra one`"),
        (("train", "extra one"), {}, "say so by `--split 'extra one'=train`"),
        (("validation", "test"), {}, "not clear which to train on"),
        (("train", ""), {}, "its splits are `train`, one without a name"),
        (("train",), {"train": "none"}, "not clear which to train on"),
        (("train",), {"tran": "train"}, "--split takes NAME=train|val|none, got tran=train; its splits are `train`"),
        (("train",), {"train": "test"}, "--split takes NAME=train|val|none, got train=test"),
    ],
)
def test_splits_that_are_not_clear(names: tuple[str, ...], said: dict[str, str], expected: str) -> None:
    tables = [TableFile(Path(f"{name}.parquet"), name) for name in names]
    assert expected in refused(roles_of, tables, said, Path("x"))


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return rows_of(tmp_path / "files")["train"]


def test_rows_of_either_kind(rows: Rows, tmp_path: Path) -> None:
    write_saved(tmp_path, rows)
    paths = [write_parquet(tmp_path / "a.parquet", rows), tmp_path / "data-00000-of-00001.arrow"]
    table = pa.ipc.open_stream(paths[1].read_bytes()).read_all()
    paths.append(tmp_path / "in the form of a file.arrow")
    with pa.ipc.new_file(str(paths[2]), table.schema) as file:
        file.write_table(table)
    for path in paths:
        found = TableFile(path, "")
        assert (found.features(), found.count()) == (FEATURES, 5)
        assert list(found.rows(["labels", "image"])) == [
            {"labels": row["labels"], "image": row["image"]} for row in rows
        ]


def test_features_of_tables_that_do_not_say_them(rows: Rows, tmp_path: Path) -> None:
    schema = pa.schema(
        {
            "image": pa.binary(),
            "label": pa.dictionary(pa.int8(), pa.string()),
            "boxes": pa.list_(pa.struct({"side": pa.float32()})),
        }
    )
    path = write_parquet(tmp_path / "a.parquet", [{"image": b"", "label": "a", "boxes": []}], None, schema)
    text = {"_type": "Value", "dtype": "string"}
    side = {"side": {"_type": "Value", "dtype": "float"}}
    expected = {
        "image": {"_type": "Value", "dtype": "binary"},
        "label": text,
        "boxes": {"_type": "List", "feature": side},
    }
    assert TableFile(path, "").features() == expected
    assert [row["label"] for row in TableFile(path, "").rows(["label"])] == ["a"]
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": {"image": {"_type": "Image"}}}))
    assert TableFile(path, "").features() == expected | {"image": {"_type": "Image"}}


def test_memory_holds_few_rows(rows: Rows, tmp_path: Path) -> None:
    """Of 400 photographs of 50 kB in one group, and in one batch, 20 MB."""
    many = [{"image": {"bytes": os.urandom(50_000), "path": None}, "labels": [], "mask": None} for _ in range(400)]
    write_saved(tmp_path, many)
    import pyarrow.parquet as pq

    table = pa.ipc.open_stream((tmp_path / "data-00000-of-00001.arrow").read_bytes()).read_all()
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, data_page_size=2**16)
    del table
    for path in (tmp_path / "a.parquet", tmp_path / "data-00000-of-00001.arrow"):
        before, most, count = pa.total_allocated_bytes(), 0, 0
        for _ in TableFile(path, "").rows(["image"]):
            most, count = max(most, pa.total_allocated_bytes() - before), count + 1
        assert count == 400
        assert most < 4 * arrow_files.ROWS * 50_000


def test_damaged_tables(rows: Rows, tmp_path: Path) -> None:
    write_saved(tmp_path, rows)
    for path in (write_parquet(tmp_path / "a.parquet", rows), tmp_path / "data-00000-of-00001.arrow"):
        whole, table = path.read_bytes(), TableFile(path, "")
        for content in (b"", b"nothing", whole[:100], whole[: len(whole) // 2], whole[:8] + bytes(len(whole) - 8)):
            path.write_bytes(content)

            def read() -> None:
                table.features()  # noqa: B023
                table.count()  # noqa: B023
                list(table.rows(["image"]))  # noqa: B023

            assert re.match(rf"{path}: damaged( from row \d+ on)?, or no {path.suffix[1:]} file \(", refused(read))
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        assert refused(table.features) == f"{path}: is a pointer of git, not the data; get it by `git lfs pull`"
        path.unlink()
        assert refused(table.features).startswith(f"{path}: ")


@pytest.mark.parametrize("about", ["{", "[]", '{"info": 3}', '{"info": {"features": [1]}}'])
def test_a_damaged_description(about: str, tmp_path: Path) -> None:
    schema = pa.schema({"image": pa.binary()}, metadata={"huggingface": about})
    path = write_parquet(tmp_path / "a.parquet", [{"image": b""}], None, schema)
    if about == "[]":
        assert TableFile(path, "").features() == {"image": {"_type": "Value", "dtype": "binary"}}
    else:
        assert refused(TableFile(path, "").features).startswith(f"{path}: damaged, or no parquet file")


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    count = 3 * arrow_files.ROWS
    labels = pa.array([str(number) for number in range(count)])
    place = labels.buffers()[1].size - 4 * arrow_files.ROWS
    offsets = bytearray(labels.buffers()[1].to_pybytes())
    offsets[place : place + 4] = (2**30).to_bytes(4, "little")
    broken = pa.StringArray.from_buffers(count, pa.py_buffer(bytes(offsets)), labels.buffers()[2])
    path = tmp_path / "a.arrow"
    batch = pa.record_batch([broken], names=["label"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, batch.schema) as stream:
        stream.write_batch(batch)
    read = iter(TableFile(path, "").rows(["label"]))
    row = next(read)
    assert row == {"label": "0"}
    text = refused(list, read)
    assert text.startswith(f"{path}: damaged from row {2 * arrow_files.ROWS} on, or no arrow file (")


def test_a_clone_of_the_hub(tmp_path: Path) -> None:
    make_hub(tmp_path, {"train": [ROW] * 3, "test": [ROW]})
    assert list(found(tmp_path).values()) == ["test", "train", "train"]
