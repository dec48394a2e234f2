"""A folder per class, and Hugging Face's layout of folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.sources.listings import folder, ids, labels, refused
from tests.helpers import make_folder
from wsss.config import FolderData
from wsss.data.sources import Listing, input_files
from wsss.data.sources.label_folders import SPLIT_FOLDERS


def listed(root: Path, **settings: object) -> Listing:
    return folder(root, masks=None, labels="imagefolder", **settings)


def wrong(root: Path) -> str:
    return refused(folder, root, masks=None, labels="imagefolder")


def make(root: Path, *names: str) -> Path:
    make_folder(root, names=names, masks=False)
    (root / "labels.csv").unlink()
    return root


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    root = make(tmp_path / "a", "cat/1.jpg", "cat/deep/2.png", "dog/1.jpg")
    listing = listed(root)
    assert listing.class_names == ("background", "cat", "dog")
    assert labels(listing) == {"cat/1": (1,), "cat/deep/2": (1,), "dog/1": (2,)}
    assert listing.label_source == "folders"
    assert not ids(listing, "val")
    assert len(ids(listed(root, val_from_train=0.4), "val")) in (1, 2)
    assert listed(root, classes=("dog", "cat")).class_names == ("background", "dog", "cat")
    make(root, "alone.jpg")
    assert wrong(root).startswith(f"{root / 'alone.jpg'}: is in no folder of a class")


@pytest.mark.parametrize("val", SPLIT_FOLDERS["val"])
def test_folders_of_splits(tmp_path: Path, val: str) -> None:
    root = make(tmp_path / "a", "train/cat/1.jpg", "train/dog/1.jpg", f"{val}/dog/2.jpg", "test/dog/3.jpg")
    listing = listed(root)
    assert listing.class_names == ("background", "cat", "dog")
    assert ids(listing, "train") == ["train/cat/1", "train/dog/1"]
    assert ids(listing, "val") == [f"{val}/dog/2"]
    make(root, "other/cat/4.jpg")
    assert f"{root / 'other/cat/4.jpg'}: is in none of the folders `train`, `{val}`, `test`" in wrong(root)


def test_a_test_split_is_val_where_there_is_no_other(tmp_path: Path) -> None:
    root = make(tmp_path / "a", "train/cat/1.jpg", "test/cat/3.jpg")
    assert ids(listed(root), "val") == ["test/cat/3"]
    make(root, "train/2.jpg")
    assert "train/2.jpg: is in no folder of a class" in wrong(root)


def test_two_folders_of_one_split(tmp_path: Path) -> None:
    root = make(tmp_path / "a", "train/cat/1.jpg", "val/cat/3.jpg", "valid/cat/3.jpg")
    assert wrong(root) == f"{root}: `val` and `valid` both stand for the val split; rename one"
    # without a folder of training images they are classes
    assert listed(make(tmp_path / "b", "val/1.jpg", "dev/3.jpg")).class_names == ("background", "dev", "val")


@pytest.mark.parametrize("split", ["", "train/"])
def test_a_folder_called_background_is_refused_with_the_way_that_works(tmp_path: Path, split: str) -> None:
    root = make(tmp_path / "a", f"{split}background/1.jpg", f"{split}cat/2.jpg")
    text = wrong(root)
    assert text.startswith(f"{root / split / 'background/1.jpg'}: `background` is no class of its own")
    table = root / split / "metadata.csv"
    assert f"add {table}: a line `file_name,label`, then one for each image there, its label empty for these" in text
    # a class of that name is refused by these words too where the settings name the classes
    assert refused(folder, root, masks=None, labels="imagefolder", classes=("cat",)) == text
    table.write_text("file_name,label\nbackground/1.jpg,\ncat/2.jpg,cat\n")
    assert labels(listed(root)) == {f"{split}background/1": (), f"{split}cat/2": (1,)}


def test_metadata_beside_the_photographs(tmp_path: Path) -> None:
    root = make(tmp_path / "a", "train/1.jpg", "train/deep/2.jpg", "val/cat/3.jpg")
    (root / "train/metadata.jsonl").write_text(
        '{"file_name": "1.jpg", "labels": ["cat", "dog"]}\n{"file_name": "deep/2.jpg", "labels": []}\n'
    )
    listing = listed(root)
    assert labels(listing) == {"train/1": (1, 2), "train/deep/2": (), "val/cat/3": (1,)}
    assert ids(listing, "val") == ["val/cat/3"]
    settings = FolderData(root=str(root), labels="imagefolder")
    assert input_files(settings) == {"train/metadata.jsonl": root / "train/metadata.jsonl"}
    (root / "train/metadata.csv").write_text("file_name,label\n1.jpg,cat\n")
    assert "metadata.csv: there is metadata.jsonl too, and only one can count" in wrong(root)
    (root / "train/metadata.jsonl").unlink()
    assert f"{root / 'train/deep/2.jpg'}: no row of this image in the metadata beside it" in wrong(root)
    (root / "train/metadata.csv").write_text("file_name,label\n1.jpg,cat\nno.jpg,cat\n")
    assert "metadata.csv line 3: there is no image `train/no.jpg`" in wrong(root)
    (root / "train/metadata.csv").rename(root / "train/metadata.parquet")
    assert ".parquet is not read; write the table as CSV or as JSON lines (data.root)" in wrong(root)


def test_metadata_of_the_whole_folder_may_say_splits_no_more(tmp_path: Path) -> None:
    root = make(tmp_path / "a", "x/1.jpg", "2.jpg")
    (root / "metadata.csv").write_text("file_name,cat,dog\nx/1.jpg,1,0\n2.jpg,1,1\n")
    assert labels(listed(root)) == {"2": (1, 2), "x/1": (1,)}


def test_photographs_inside_tables(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train-00000.parquet").write_bytes(b"PAR1")
    assert wrong(tmp_path) == (
        f"{tmp_path / 'data/train-00000.parquet'}: photographs inside .parquet files are read once they are files: "
        f"`wsss unpack {tmp_path} --output photos` writes them, and their labels"
    )
    (tmp_path / "data/train-00000.parquet").unlink()
    assert wrong(tmp_path) == f"{tmp_path}: holds no photograph; correct `data.root`"
