from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.sources.listings import TRAIN_LIST, VAL_LIST, add, ids, labels, refused, voc
from tests.helpers import CLASSES, write_annotation
from wsss.config import VocData
from wsss.data.sources import input_files, list_images


def test_voc_lists_both_splits(voc_root: Path) -> None:
    listing = voc(voc_root)
    assert listing.class_names == ("background", *CLASSES)
    assert listing.root == voc_root
    assert ids(listing, "train") == [f"2007_{i:06d}" for i in range(6)]
    assert ids(listing, "val") == [f"2007_{i:06d}" for i in range(6, 9)]
    first = listing.records[0]
    assert (first.image, first.mask) == ("JPEGImages/2007_000000.jpg", "SegmentationClass/2007_000000.png")
    assert listing.label_source == "XML annotations"


def test_voc_labels_agree_between_annotations_and_table(voc_root: Path) -> None:
    table = voc(voc_root, image_labels="image_labels.txt")
    assert table.label_source == "table image_labels.txt"
    assert labels(table) == labels(voc(voc_root))
    assert labels(table)["2007_000001"] == (2, 3)
    masks = voc(voc_root, image_labels="masks")
    assert masks.label_source == "masks (ground truth)"
    assert set(labels(masks).values()) == {None}


def test_voc_has_its_own_classes(voc_root: Path) -> None:
    listing = voc(voc_root, classes=None)
    assert len(listing.class_names) == 21
    assert labels(listing) == labels(voc(voc_root))


def test_voc_counts_difficult_objects_and_no_parts(voc_root: Path) -> None:
    annotation = voc_root / "Annotations/2007_000000.xml"
    write_annotation(annotation, ["bird"], difficult=1)
    text = annotation.read_text().replace("</object>", "<part><name>head</name></part></object>")
    annotation.write_text(text)
    assert labels(voc(voc_root))["2007_000000"] == (3,)


def test_voc_images_without_masks(voc_root: Path) -> None:
    (voc_root / "SegmentationClass/2007_000000.png").unlink()
    assert [bool(record.mask) for record in voc(voc_root).records] == [False] + [True] * 8
    assert not any(record.mask for record in voc(voc_root, mask_folder=None).records)
    assert "`2007_000000` has no mask" in refused(voc, voc_root, image_labels="masks")


def test_voc_image_without_class_is_background_alone(voc_root: Path) -> None:
    text = (voc_root / "image_labels.txt").read_text().replace("2007_000000 aeroplane", "2007_000000")
    (voc_root / "image_labels.txt").write_text(text)
    assert labels(voc(voc_root, image_labels="image_labels.txt"))["2007_000000"] == ()


def test_voc_id_filter(voc_root: Path) -> None:
    add(voc_root / TRAIN_LIST, "2011_000001\n")
    add(voc_root / "image_labels.txt", "2011_000001 unheard-of\n")
    assert len(voc(voc_root, id_filter="2007_*", image_labels="image_labels.txt").records) == 9
    text = refused(voc, voc_root, id_filter="2009_*")
    assert str(voc_root / TRAIN_LIST) in text
    assert "`data.id_filter` (2009_*) leaves no image" in text
    assert "val.txt" in refused(voc, voc_root, id_filter="2007_00000[0-5]")


def test_voc_reads_absolute_paths_and_suffixes_and_windows_lines(voc_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeff2007_000003.jpg\r\n\r\n2007_000001\r\n".encode())
    listing = voc(voc_root, train_list=str(path), val_list=None)
    assert [record.image_id for record in listing.records] == ["2007_000003", "2007_000001"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"root": "nowhere"}, ["nowhere: no such folder", "`data.root`"]),
        ({"train_list": "none.txt"}, ["none.txt: no such file", "`data.train_list`"]),
        ({"val_list": "none.txt"}, ["none.txt: no such file", "`data.val_list`"]),
        ({"train_list": "ImageSets"}, ["ImageSets: is a folder"]),
        ({"image_folder": "Images"}, ["Images: no such folder", "`data.image_folder`"]),
        ({"mask_folder": "Masks"}, ["Masks: no such folder", "`data.mask_folder`"]),
        ({"mask_folder": "classes.txt"}, ["classes.txt: is a file", "`data.mask_folder`"]),
        ({"image_labels": "none.txt"}, ["none.txt: no such file", "`data.image_labels`"]),
        ({"classes": "none.txt"}, ["none.txt: no such file", "`data.classes`"]),
        ({"classes": "image_labels.txt"}, ["image_labels.txt line 1", "must be `background`"]),
        ({"val_list": TRAIN_LIST}, ["train.txt line 1", "`2007_000000` of val is in train too"]),
    ],
)
def test_voc_missing_parts(voc_root: Path, settings: dict[str, str], expected: list[str]) -> None:
    text = refused(lambda: list_images(VocData(**({"root": str(voc_root)} | settings))))
    assert all(part in text for part in expected), text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2007_00001\n", ["line 7: there is no image `2007_00001`", "did you mean `2007_00000"]),
        ("2007_000003\n", ["line 7: image `2007_000003` is in the list twice", "line 4"]),
        ("\n../2007_000003\n", ["line 8", "cannot name an image", "rename"]),
        ("/2007_000003\n", ["line 7", "absolute"]),
        ("a//b\n", ["line 7", "empty part"]),
        ("a\tb\n", ["line 7", "'a\\tb'", "control characters"]),
    ],
)
def test_voc_bad_lines_of_a_list(voc_root: Path, line: str, expected: list[str]) -> None:
    add(voc_root / TRAIN_LIST, line)
    text = refused(voc, voc_root)
    assert all(part in text for part in [str(voc_root / TRAIN_LIST), *expected]), text


def test_voc_list_that_is_empty_or_no_text(voc_root: Path) -> None:
    (voc_root / VAL_LIST).write_text("\n")
    assert "val.txt: the list is empty" in refused(voc, voc_root)
    (voc_root / VAL_LIST).write_bytes(b"2007_\xff\n")
    assert "val.txt: not UTF-8 text (byte 5)" in refused(voc, voc_root)


def test_voc_bad_annotations(voc_root: Path) -> None:
    annotation = voc_root / "Annotations/2007_000002.xml"
    write_annotation(annotation, ["aeroplan"])
    text = refused(voc, voc_root)
    assert f"{annotation}: unknown class `aeroplan`: did you mean `aeroplane`?" in text
    annotation.write_text("<annotation><object>")
    assert f"{annotation}: not valid XML" in refused(voc, voc_root)
    annotation.unlink()
    assert f"{annotation}: no annotation of image `2007_000002`" in refused(voc, voc_root)


def test_voc_bad_tables(voc_root: Path) -> None:
    path = voc_root / "image_labels.txt"
    whole = path.read_text()

    def text() -> str:
        return refused(voc, voc_root, image_labels="image_labels.txt")

    path.write_text(whole.replace("2007_000001 bicycle", "2007_000001 bycicle"))
    assert f"{path} line 2: unknown class `bycicle`: did you mean `bicycle`?" in text()
    path.write_text(whole + "2007_000001 bird\n")
    assert f"{path} line 10: image `2007_000001` is in the table twice (first in line 2)" in text()
    path.write_text(whole.replace("2007_000001", "2007_00001x"))
    assert f"{path}: no labels of image `2007_000001` (1 such images in all): did you mean `2007_00001x`?" in text()
    path.write_text("2007_000000 aeroplane\n")
    assert "no labels of image `2007_000001` (8 such images in all); add a line for each" in text()


def test_voc_labels_of_images_without_annotation(voc_root: Path) -> None:
    for image_id in ("2007_000001", "2007_000002"):
        (voc_root / f"Annotations/{image_id}.xml").unlink()
    assert "no annotation of image `2007_000001`; add it, or set `data.without_xml`" in refused(voc, voc_root)
    masks = voc(voc_root, without_xml="masks")
    assert masks.label_source == "XML annotations; 2 images: masks (ground truth)"
    assert [key for key, found in labels(masks).items() if found is None] == ["2007_000001", "2007_000002"]
    table = voc(voc_root, without_xml="image_labels.txt")
    assert table.label_source == "XML annotations; 2 images: table image_labels.txt"
    assert labels(table) == labels(voc(voc_root, image_labels="image_labels.txt"))
    settings = VocData(root=str(voc_root), without_xml="image_labels.txt")
    assert input_files(settings)["without_xml"] == voc_root / "image_labels.txt"
    (voc_root / "image_labels.txt").write_text("2007_000001 bird\n")
    assert "no labels of image `2007_000002`" in refused(voc, voc_root, without_xml="image_labels.txt")
    assert "`data.without_xml` is masks, but `data.image_labels` is masks, not `xml`" in refused(
        voc, voc_root, without_xml="masks", image_labels="masks"
    )
    (voc_root / "SegmentationClass/2007_000001.png").unlink()
    assert "image `2007_000001` has no mask to take its labels from (1 in all)" in refused(
        voc, voc_root, without_xml="masks"
    )
