"""Tables of labels: a column per class, and JSON lines. CSV with a column of names is tested with the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.sources.listings import folder, ids, labels, refused
from tests.helpers import CLASSES
from wsss.data.sources import Listing
from wsss.data.sources.label_tables import PARQUET

TABLE = "table.csv"


def write_columns(
    root: Path, *, ones: str = "1", zeros: str = "0", header: str = "image,bird,aeroplane,bicycle"
) -> Path:
    """The folder's labels with a column of 0 and 1 for each class."""
    listing = folder(root)
    lines = [header]
    for record in listing.records:
        bits = [ones if CLASSES.index(name) + 1 in (record.labels or ()) else zeros for name in header.split(",")[1:4]]
        lines.append(",".join([record.image_id, *bits, *([record.split] if header.endswith(",split") else [])]))
    path = root / TABLE
    path.write_text("\n".join(lines) + "\n")
    return path


def names_of(listing: Listing) -> dict[str, set[str]]:
    return {key: {listing.class_names[value] for value in found or ()} for key, found in labels(listing).items()}


@pytest.mark.parametrize(("ones", "zeros"), [("1", "0"), ("1.0", "0.0"), ("True", ""), ("TRUE", "False")])
def test_a_column_for_each_class(folder_root: Path, ones: str, zeros: str) -> None:
    write_columns(folder_root, ones=ones, zeros=zeros)
    listing = folder(folder_root, labels=TABLE)
    assert listing.class_names == ("background", "bird", "aeroplane", "bicycle")
    names = {key: {listing.class_names[value] for value in found or ()} for key, found in labels(listing).items()}
    by_name = folder(folder_root)
    assert names == {
        key: {by_name.class_names[value] for value in found or ()} for key, found in labels(by_name).items()
    }
    assert not ids(listing, "val")


def test_a_column_for_each_class_beside_a_split(folder_root: Path) -> None:
    write_columns(folder_root, header="file_name,bird,aeroplane,bicycle,split")
    listing = folder(folder_root, labels=TABLE, classes=CLASSES)
    assert labels(listing) == labels(folder(folder_root))
    assert ids(listing, "val") == ids(folder(folder_root), "val")


def test_a_cell_that_is_neither_0_nor_1(folder_root: Path) -> None:
    path = write_columns(folder_root)
    path.write_text(path.read_text().replace(",0,", ",2,", 1))
    assert "column `bird` holds `2`, expected 0 or 1" in refused(folder, folder_root, labels=TABLE)
    path.write_text("image,labl\nimg 0,bird\n")
    assert "`labl` holds `bird`, expected 0 or 1: without a column `label`, each" in refused(
        folder, folder_root, labels=TABLE
    )
    path.write_text("image,split\nimg 0,train\n")
    assert f"{path} line 1: no column `label`, found image, split" in refused(folder, folder_root, labels=TABLE)


def write_lines(root: Path, keys: tuple[str, str] = ("image", "label")) -> Path:
    """The folder's labels as JSON lines."""
    lines = []
    for record in folder(root).records:
        names: Any = [CLASSES[value - 1] for value in record.labels or ()]
        names = names[0] if len(names) == 1 else names
        lines.append(json.dumps({keys[0]: record.image, keys[1]: names, "split": record.split, "other": {"a": 1}}))
    path = root / "labels.jsonl"
    path.write_text("\n\n".join(lines))
    return path


@pytest.mark.parametrize("keys", [("image", "label"), ("file_name", "labels")])
def test_json_lines(folder_root: Path, keys: tuple[str, str]) -> None:
    write_lines(folder_root, keys)
    listing = folder(folder_root, labels="labels.jsonl")
    assert labels(listing) == labels(folder(folder_root))
    assert ids(listing, "val") == ids(folder(folder_root), "val")
    assert listing.label_source == "table labels.jsonl"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nope", "line 1: not valid JSON (Expecting value); write one object a line"),
        ("[1]", "line 1: is [1], expected an object"),
        ('{"label": "bird"}', "line 1: no key `image`, found label"),
        ('{"image": "img 0"}', "line 1: no key `label`, found image"),
        ('{"image": 7, "label": "bird"}', "line 1: `image` is 7, expected a path"),
        ('{"image": "img 0", "label": {"a": 1}}', "line 1: a label is {'a': 1}, expected a name"),
        ('{"image": "img 0", "label": [true]}', "line 1: a label is True, expected a name"),
        ('{"image": "img 0", "label": "bird", "split": "test"}', "line 1: unknown split `test`"),
        ('{"image": "img 0", "label": "bird", "split": 3}', "line 1: unknown split `3`"),
        ('{"image": "img x", "label": "bird"}', "line 1: there is no image `img x`"),
        ('{"image": "img 0", "label": ""}\n{"image": "img 0.jpg", "label": ""}', "line 2: image `img 0` has two rows"),
        ('{"image": "img 0", "label": ""}', "no row of image `img 2` (8 such images in all)"),
        ("[" * 100_000, "line 1: not valid JSON"),
    ],
)
def test_bad_json_lines(folder_root: Path, line: str, expected: str) -> None:
    path = folder_root / "labels.ndjson"
    path.write_text(line)
    text = refused(folder, folder_root, labels=path.name)
    assert text.startswith(str(path))
    assert expected in text


@pytest.mark.parametrize("suffix", PARQUET)
def test_parquet_is_refused(folder_root: Path, suffix: str) -> None:
    (folder_root / f"labels{suffix}").write_bytes(b"PAR1")
    text = refused(folder, folder_root, labels=f"labels{suffix}")
    assert f"{suffix} is not read; write the table as CSV or as JSON lines (data.labels)" in text
    assert text.endswith("where it holds the photographs themselves, write them out by `wsss unpack`")
