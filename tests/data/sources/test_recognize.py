"""What a folder of photographs is, by what lies in it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import make_folder, save_mask
from wsss.config import CocoData, FolderData, VocData
from wsss.data.sources import list_images
from wsss.data.sources.recognize import recognize
from wsss.errors import InputError

NAMES = ("a/1.jpg", "a/2.jpg", "b/3.jpg")


def photographs(root: Path, *names: str) -> Path:
    make_folder(root, names=names or NAMES, masks=False)
    (root / "labels.csv").unlink()
    return root


def test_a_table(tmp_path: Path) -> None:
    root = photographs(tmp_path)
    (root / "notes.csv").write_text("who,when\n")
    (root / "z.csv").write_text("image,label\na/1.jpg,cat\na/2.jpg,dog\nb/3.jpg,\n")
    found = recognize(root)
    assert found == FolderData(root=str(root), labels="z.csv")
    assert len(list_images(found).records) == 3
    (root / "labels.jsonl").write_text('{"image": "a/1.jpg", "label": "cat"}\n')
    assert recognize(root).labels == "labels.jsonl"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_masks_are_the_folder_with_the_names_of_the_photographs(tmp_path: Path, suffix: str) -> None:
    root = photographs(tmp_path)
    for name in NAMES[:2]:
        (root / "truth" / name).parent.mkdir(parents=True, exist_ok=True)
        save_mask((root / "truth" / name).with_suffix(suffix), np.zeros((8, 8), np.uint8))
    assert recognize(root) == FolderData(root=str(root), labels="imagefolder", masks="truth")
    listing = list_images(recognize(root))
    assert [bool(record.mask) for record in listing.records] == [True, True, False]
    assert listing.class_names == ("background", "a", "b")


def test_folders_of_classes_that_hold_png_photographs_are_no_masks(tmp_path: Path) -> None:
    root = photographs(tmp_path, "cat/1.png", "dog/1.png")
    assert recognize(root) == FolderData(root=str(root), labels="imagefolder")


@pytest.mark.parametrize("annotations", [".", "Annotations"])
def test_annotations_in_xml(tmp_path: Path, annotations: str) -> None:
    root = photographs(tmp_path, "1.jpg", "2.jpg")
    (root / annotations).mkdir(exist_ok=True)
    for name in ("1", "2"):
        text = "<annotation><object><name>cat</name></object></annotation>"
        (root / annotations / f"{name}.xml").write_text(text)
    assert recognize(root) == FolderData(root=str(root), labels=annotations)
    assert list_images(recognize(root)).class_names == ("background", "cat")


def test_voc_and_where_its_labels_are(tmp_path: Path) -> None:
    root = tmp_path / "VOCdevkit/VOC2012"
    for name in ("JPEGImages", "ImageSets", "Annotations", "SegmentationClass"):
        (root / name).mkdir(parents=True)
    assert recognize(tmp_path) == recognize(root) == VocData(root=str(root))
    for name in ("Annotations", "SegmentationClass"):
        (root / name).rmdir()
    (root / "image_labels.txt").touch()
    (root / "classes.txt").touch()
    assert recognize(root) == VocData(
        root=str(root), image_labels="image_labels.txt", mask_folder=None, classes="classes.txt"
    )


def test_coco_by_its_year(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_train2017.json").touch()
    found = recognize(tmp_path)
    assert isinstance(found, CocoData)
    assert (found.train_images, found.val_annotations) == ("train2017", None)
    (tmp_path / "annotations/instances_val2017.json").touch()
    assert recognize(tmp_path).val_annotations == "annotations/instances_val2017.json"


def test_a_json_of_instances(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    for name in ("mine", "my_val"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    found = recognize(tmp_path)
    assert isinstance(found, CocoData)
    assert (found.train_annotations, found.val_annotations) == ("mine.json", "my_val.json")
    assert (found.train_images, found.val_images) == (".", ".")


def test_what_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no photograph in it"):
        recognize(tmp_path)
    photographs(tmp_path, "1.jpg", "2.jpg")
    with pytest.raises(InputError, match=r"2 photographs, but nothing says what they show; add labels\.csv"):
        recognize(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("labels.csv", "image;label\n1.jpg;cat\n", r"labels\.csv line 1: no column `image`, found image;label;"),
        ("Labels.CSV", "Image,Label\n1.jpg,cat\n", r"Labels\.CSV line 1: no column `image`, found Image, Label;"),
        ("labels.csv", "", r"labels\.csv line 1: no column `image`, found nothing;"),
        (
            "notes.csv",
            "filename,class\n1.jpg,cat\n",
            r"they show \(notes\.csv has no column or key `image`\); add",
        ),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    root = photographs(tmp_path, "1.jpg")
    (root / name).write_text(text)
    with pytest.raises(InputError, match=said):
        list_images(recognize(root))


def test_photographs_beside_folders_of_classes_are_named(tmp_path: Path) -> None:
    root = photographs(tmp_path, "a/1.jpg", "b/2.jpg", "3.jpg")
    with pytest.raises(InputError, match=r"what they show \(folders are no classes, for 3\.jpg is in none\); add"):
        recognize(root)
    photographs(root, "4.jpg")
    with pytest.raises(InputError, match=r"for 3\.jpg and 1 more are in none\); add"):
        recognize(root)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("photos", ["images", "photos"])
def test_photographs_masks_and_a_table_side_by_side(tmp_path: Path, photos: str, suffix: str) -> None:
    root = make_folder(tmp_path / "a", names=[f"{photos}/{name}{suffix}" for name in "abc"], masks=False)
    (root / "masks").mkdir()
    for name in "ab":
        save_mask(root / "masks" / f"{name}.png", np.zeros((48, 64), np.uint8))
    for start in (f"{photos}/", ""):
        (root / "labels.csv").write_text("image,label\n" + "".join(f"{start}{name}{suffix},cat\n" for name in "abc"))
        assert recognize(root) == FolderData(root=str(root), masks="masks")
        assert [record.mask for record in list_images(recognize(root)).records] == ["masks/a.png", "masks/b.png", ""]


@pytest.mark.parametrize("names", [("left/1.png", "right/1.png"), ("left/1.png", "right/1.jpg")])
def test_two_folders_of_photographs_of_the_same_names(tmp_path: Path, names: tuple[str, str]) -> None:
    root = make_folder(tmp_path / "a", names=names, masks=False)
    assert recognize(root) == FolderData(root=str(root))
    assert len(list_images(recognize(root)).records) == 2
    # a table of anything else says nothing about them: they are folders of classes
    (root / "labels.csv").rename(root / "notes.csv")
    (root / "notes.csv").write_text("who,when\n")
    assert recognize(root) == FolderData(root=str(root), labels="imagefolder")


def test_two_folders_of_pngs_that_a_table_does_not_name(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "a", names=["left/1.png", "right/1.png"], masks=False)
    (root / "labels.csv").write_text("image,label\n1.png,cat\n")
    assert recognize(root) == FolderData(root=str(root))
    with pytest.raises(InputError, match=r"line 2: there is no image `1\.png`"):
        list_images(recognize(root))
    (root / "labels.csv").write_text("image,label\nleft/1.png,cat\n")
    assert recognize(root) == FolderData(root=str(root), masks="right")


@pytest.mark.parametrize("name", ["data/train.parquet", "train/data-00000-of-00001.arrow"])
def test_photographs_inside_tables(tmp_path: Path, name: str) -> None:
    table = tmp_path / "hub set" / name
    table.parent.mkdir(parents=True)
    table.write_bytes(b"PAR1")
    (tmp_path / "hub set/preview.jpg").write_bytes(b"of the page that shows the data set")
    for given in (tmp_path / "hub set", table):
        with pytest.raises(InputError) as caught:
            recognize(given)
        assert str(caught.value).startswith(f"{table}: photographs inside {table.suffix} files are read once")
        assert f"`wsss unpack '{given}' --output photos`" in str(caught.value)
