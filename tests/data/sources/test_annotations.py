"""Annotations in VOC's XML, of VOC and beside photographs of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.data.sources.listings import folder, labels, refused, voc
from tests.helpers import CLASSES, present, shapes, write_annotation
from wsss.config import FolderData
from wsss.data.sources import input_files, input_folders


@pytest.fixture
def annotated(folder_root: Path) -> Path:
    """The folder with annotations beside its photographs, in place of the table."""
    (folder_root / "labels.csv").unlink()
    for number, path in enumerate(sorted(folder_root.glob("**/*.*"), key=lambda path: int(path.stem.split()[1]))):
        if "masks" not in path.parts:
            write_annotation(path.with_suffix(".xml"), present(shapes(number // 2)[1]))
    return folder_root


def test_annotations_beside_photographs(annotated: Path) -> None:
    listing = folder(annotated, labels=".")
    assert listing.label_source == "XML annotations"
    assert listing.class_names == ("background", *CLASSES)
    assert labels(listing)["sub/img 1"] == (2, 3)
    settings = FolderData(root=str(annotated), labels=".")
    assert not input_files(settings)
    assert input_folders(settings)["labels"] == annotated / "."


def test_annotations_in_a_folder_of_their_own(annotated: Path) -> None:
    before = labels(folder(annotated, labels="."))
    for path in [*annotated.rglob("*.xml")]:
        target = annotated / "xml" / path.relative_to(annotated)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    assert labels(folder(annotated, labels="xml")) == before
    missing = annotated / "xml/sub/img 1.xml"
    missing.unlink()
    text = refused(folder, annotated, labels="xml")
    assert text.startswith(f"{missing}: no annotation of image `img 1`; add it, move the image out of the folder")


def test_difficult_objects_count_or_not(annotated: Path, voc_root: Path) -> None:
    write_annotation(annotated / "img 0.xml", ["bird"], difficult=1)
    assert labels(folder(annotated, labels="."))["img 0"] == (3,)
    assert labels(folder(annotated, labels=".", difficult=False))["img 0"] == ()
    path = voc_root / "Annotations/2007_000000.xml"
    write_annotation(path, ["bird"], difficult=1)
    assert labels(voc(voc_root))["2007_000000"] == (3,)
    assert labels(voc(voc_root, difficult=False))["2007_000000"] == ()
    path.write_text(path.read_text().replace(">1<", ">yes<"))
    assert f"{path}: `difficult` of an object is `yes`, expected 0 or 1" in refused(voc, voc_root)
