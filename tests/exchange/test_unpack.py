"""Photographs, labels and masks of tables become a folder that the pipeline reads, and nothing else is touched."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exchange.hub_tables import (
    CLASS,
    FEATURES,
    IMAGE,
    LAYOUTS,
    TEXT,
    Rows,
    make_hub,
    rows_of,
    write_parquet,
)
from tests.faults import disk_that
from tests.helpers import CLASSES
from wsss import disk
from wsss.cli.starter import write_starter
from wsss.config import FolderData, load_config
from wsss.data import load_dataset
from wsss.data.sources.recognize import recognize
from wsss.errors import InputError
from wsss.exchange.unpack import unpack
from wsss.record import RECORD
from wsss.stages.index import index

pytest.importorskip("pyarrow")


@pytest.fixture
def splits(tmp_path: Path) -> dict[str, Rows]:
    return rows_of(tmp_path / "files")


def refused(*args: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        unpack(*args, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def files_below(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_pipeline_reads_what_was_unpacked(layout: str, splits: dict[str, Rows], tmp_path: Path) -> None:
    source = LAYOUTS[layout](tmp_path / "tables", splits)
    said = unpack(source, tmp_path / "photos")
    assert "5 photographs to train on and 3 to validate by" in said
    assert "3 classes of `labels`; 8 masks of `mask`" in said
    settings = recognize(tmp_path / "photos")
    assert settings == FolderData(root=str(tmp_path / "photos"), labels="labels.csv", masks="masks")
    index(settings, output=tmp_path / "index.h5")
    index(FolderData(root=str(tmp_path / "files"), masks="masks"), output=tmp_path / "files.h5")
    found, expected = load_dataset(tmp_path / "index.h5"), load_dataset(tmp_path / "files.h5")
    assert found.class_names == expected.class_names == ("background", *CLASSES)
    for split in ("train", "val"):
        names = [f"{split}/{Path(image_id).name}" for image_id in expected.ids(split)]
        assert list(found.ids(split)) == names
        for own, image_id in zip(names, expected.ids(split), strict=True):
            assert np.array_equal(found.image(own), expected.image(image_id))
            assert np.array_equal(found.mask(own), expected.mask(image_id))
            assert np.array_equal(found.image_labels(own), expected.image_labels(image_id))


def test_pictures_are_written_byte_by_byte(splits: dict[str, Rows], tmp_path: Path) -> None:
    unpack(make_hub(tmp_path / "tables", splits), tmp_path / "photos")
    found = files_below(tmp_path / "photos")
    for split, own in (("train", "train"), ("validation", "val")):
        for row in splits[split]:
            name = Path(row["image"]["path"])
            assert found.pop(f"{own}/{name}") == row["image"]["bytes"]
            assert found.pop(f"masks/{own}/{name.with_suffix('.png')}") == row["mask"]["bytes"]
    assert list(found) == ["labels.csv"]


def test_init_names_the_command_and_takes_what_it_writes(splits: dict[str, Rows], tmp_path: Path) -> None:
    source = make_hub(tmp_path / "tables", splits)
    for given in (source, source / "data/validation-00000-of-00001.parquet"):
        with pytest.raises(InputError, match=f"`wsss unpack {given} --output photos` writes them, and their labels"):
            write_starter(given, tmp_path / "my.yaml")
    unpack(source, tmp_path / "photos")
    write_starter(tmp_path / "photos", tmp_path / "my.yaml")
    assert load_config(tmp_path / "my.yaml").data == recognize(tmp_path / "photos")


def test_the_same_command_writes_what_lacks_alone(splits: dict[str, Rows], tmp_path: Path) -> None:
    source, photos = make_hub(tmp_path / "tables", splits), tmp_path / "photos"
    with disk_that("full", fails_at=9), pytest.raises(InputError, match="the disk is full"):
        unpack(source, photos)
    half = {path: path.stat().st_ino for path in photos.rglob("*") if path.is_file() and path.name != RECORD}
    assert half
    assert not (photos / "labels.csv").exists()
    assert not [path for path in half if path.name.endswith(".tmp")]
    unpack(source, photos)
    assert {path: path.stat().st_ino for path in half} == half
    unpack(source, tmp_path / "at once")
    assert files_below(photos) == files_below(tmp_path / "at once")


def test_files_of_others_stay(splits: dict[str, Rows], tmp_path: Path) -> None:
    source, photos = make_hub(tmp_path / "tables", splits), tmp_path / "photos"
    (photos / "train").mkdir(parents=True)
    for name, text in (("img 0.jpg", "was not written by this program"), ("more.jpg", "is not of this data set")):
        (photos / "train" / name).write_bytes(b"mine")
        assert text in refused(source, photos)
        assert files_below(photos) == {f"train/{name}": b"mine"}
        (photos / "train" / name).unlink()
    unpack(source, photos)
    # the files of a split that is not asked for any more would have no row
    assert "is not of this data set and its options" in refused(source, photos, splits={"validation": "none"})
    (photos / "labels.csv").write_text("image,label\n")
    assert "was changed after this program wrote it" in refused(source, photos)


def test_too_small_a_disk(splits: dict[str, Rows], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_hub(tmp_path / "tables", splits)
    monkeypatch.setattr(disk, "free_space", lambda path: 100)
    assert "the disk has no room for 16 pictures" in refused(source, tmp_path / "photos")
    assert not (tmp_path / "photos").exists()


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = "tables of photographs need pyarrow, which is not installed: pip install 'wsss[parquet]'"
    assert refused(tmp_path, tmp_path / "photos") == expected


def _named(*names: str | None) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        for row, name in zip(rows, names, strict=True):
            row["image"]["path"] = name

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(_named("a.jpg", "b.jpg", name) for name in (None, "", "A.png", ".hidden.jpg", "..", " c.jpg", "n\nl.jpg")),
        _named("a.jpg", "b.jpg", "é.jpg" * 60),
        _named("image.jpg", "image.jpg", "image.jpg"),
        _named("cafe\u0301.jpg", "caf\u00e9.jpg", "c.jpg"),
    ],
)
def test_names_that_cannot_be_kept_become_numbers(
    change: Callable[[Rows], None], splits: dict[str, Rows], tmp_path: Path
) -> None:
    change(splits["validation"])
    unpack(make_hub(tmp_path / "tables", splits), tmp_path / "photos")
    assert sorted(path.stem for path in (tmp_path / "photos/val").iterdir()) == ["0", "1", "2"]
    assert (tmp_path / "photos/train/img 0.jpg").is_file()
    index(recognize(tmp_path / "photos"), output=tmp_path / "index.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "index.h5", "photos", "tables"]


def test_folders_in_names_are_left_out(splits: dict[str, Rows], tmp_path: Path) -> None:
    _named("../../evil.jpg", "/etc/other.jpg", "C:\\three.v2.jpg")(splits["validation"])
    unpack(make_hub(tmp_path / "tables", splits), tmp_path / "photos")
    assert sorted(path.stem for path in (tmp_path / "photos/val").iterdir()) == ["evil", "other", "three.v2"]


def test_rows_without_a_photograph_are_left_out_and_counted(
    splits: dict[str, Rows], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    splits["train"][3]["image"] = None
    splits["train"][4]["image"] = {"bytes": None, "path": None}
    source = make_hub(tmp_path / "tables", splits)
    with caplog.at_level(logging.WARNING):
        assert "3 photographs to train on" in unpack(source, tmp_path / "photos")
    table = source / "data/train-00001-of-00002.parquet"
    assert caplog.messages == [f"{table} row 1: holds no photograph; it and all 2 such rows of the table are left out"]
    index(recognize(tmp_path / "photos"), output=tmp_path / "index.h5")


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("image", {"bytes": None, "path": "/data/a.jpg"}, "holds no picture, only the path '/data/a.jpg'"),
        ("image", {"bytes": b"text", "path": None}, "holds no picture that is known (b'text'...)"),
        ("labels", None, "`labels` is empty (None), so nothing says what it shows"),
        ("labels", [-1], "`labels` is empty (-1)"),
        ("labels", [3], "`labels` holds 3, which is no class"),
        ("mask", {"bytes": b"\xff\xd8\xff", "path": None}, "its mask is a .jpg file, expected PNG or TIFF"),
        ("mask", {"bytes": b"text", "path": None}, "holds no picture that is known"),
    ],
)
def test_a_wrong_row_is_named(column: str, value: Any, expected: str, splits: dict[str, Rows], tmp_path: Path) -> None:
    splits["train"][3][column] = value
    source = make_hub(tmp_path / "tables", splits)
    text = refused(source, tmp_path / "photos")
    assert text.startswith(f"{source / 'data/train-00001-of-00002.parquet'} row 1: {expected}")
    assert not (tmp_path / "photos").exists()


def test_images_without_a_class_or_a_mask(splits: dict[str, Rows], tmp_path: Path) -> None:
    names = ["background", *CLASSES]
    features = FEATURES | {"labels": {"feature": CLASS | {"names": names}, "_type": "List"}}
    for row in splits["train"]:
        row["labels"] = [value + 1 for value in row["labels"]]
    splits["train"][0] |= {"labels": [], "mask": None}
    splits["train"][1]["labels"] = [0]
    unpack(make_hub(tmp_path / "tables", splits, features), tmp_path / "photos")
    lines = (tmp_path / "photos/labels.csv").read_text().splitlines()
    assert lines[:3] == [
        "image,aeroplane,bicycle,bird,split",
        "train/img 0.jpg,0,0,0,train",
        "train/img 1.png,0,0,0,train",
    ]
    assert not (tmp_path / "photos/masks/train/img 0.png").exists()


def test_texts_are_the_names_of_classes(splits: dict[str, Rows], tmp_path: Path) -> None:
    rows = [{"image": row["image"], "label": name} for row, name in zip(splits["train"], "babcb", strict=True)]
    source = write_parquet(tmp_path / "a.parquet", rows, {"image": IMAGE, "label": TEXT})
    assert "3 classes of `label`; no masks" in unpack(source, tmp_path / "photos")
    lines = (tmp_path / "photos/labels.csv").read_text().splitlines()
    assert lines[:2] == ["image,a,b,c,split", "train/img 0.jpg,0,1,0,train"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([f"c{number}" for number in range(255)], "255 classes, but at most 254 are possible"),
        (["image", "a", "b"], "a class called `image` cannot be a column of labels.csv"),
        (["a", "a ", "b"], "class `a` is there twice"),
        (["a", "", "b"], "class 2 has an empty name"),
    ],
)
def test_classes_that_the_index_would_refuse(
    names: list[str], expected: str, splits: dict[str, Rows], tmp_path: Path
) -> None:
    features = FEATURES | {"labels": {"feature": CLASS | {"names": names}, "_type": "List"}}
    source = make_hub(tmp_path / "tables", splits, features)
    assert f"{source}: column `labels`: {expected}" in refused(source, tmp_path / "photos")
    assert not (tmp_path / "photos").exists()


def test_tables_that_differ(splits: dict[str, Rows], tmp_path: Path) -> None:
    source = make_hub(tmp_path / "tables", splits)
    other = write_parquet(
        source / "data/test-00000-of-00001.parquet",
        splits["validation"],
        FEATURES | {"labels": {"feature": CLASS | {"names": ["x", "y", "z"]}, "_type": "List"}},
    )
    assert "left out: test" in unpack(source, tmp_path / "photos")
    text = refused(source, tmp_path / "others", splits={"test": "val"})
    assert text.startswith(f"{other}: columns or classes differ from those of")


def test_a_table_without_rows(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "a.parquet", [])
    assert refused(source, tmp_path / "photos").startswith(f"{source}: holds no photograph in any row")
