from __future__ import annotations

from pathlib import Path

from tests.helpers import make_folder, make_voc
from wsss.config import FolderData, VocData
from wsss.data import load_dataset
from wsss.data.inputs import dataset_inputs
from wsss.stages.index import index


def test_photographs_masks_and_their_folders_are_inputs(tmp_path: Path):
    index(VocData(root=str(make_voc(tmp_path / "voc")), classes="classes.txt"), output=tmp_path / "voc.h5")
    inputs = dataset_inputs(load_dataset(tmp_path / "voc.h5"), [tmp_path / "labels.h5"])
    for name in ("JPEGImages/2007_000000.jpg", "SegmentationClass/2007_000011.png", ".", "../voc.h5", "../labels.h5"):
        assert "is an input" in inputs.clash(tmp_path / "voc" / name), name
    assert "would be taken" in inputs.clash(tmp_path / "voc/SegmentationClass/new.png")
    assert inputs.clash(tmp_path / "voc/export/new.png") == ""


def test_every_picture_below_a_folder_of_photographs_would_be_one_of_them(tmp_path: Path):
    root = make_folder(tmp_path / "photos")
    index(FolderData(root=str(root), masks="masks"), output=root / "results/my/index.h5")
    inputs = dataset_inputs(load_dataset(root / "results/my/index.h5"))
    assert "would be taken" in inputs.clash(root / "export/new.png")
    assert inputs.clash(root / "results/my/report/sheet.jpg") == ""
