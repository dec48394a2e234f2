from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wsss.data
from tests.helpers import CLASSES, make_folder, make_voc
from wsss.config import FolderData, VocData
from wsss.data import Dataset, load_dataset
from wsss.data import dataset as dataset_module
from wsss.errors import InputError
from wsss.grid import snapped_size
from wsss.stages.index import index
from wsss.store import ArtifactWriter


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    root = make_voc(folder / "voc", train=5, val=3)
    (root / "SegmentationClass/2007_000000.png").unlink()
    index(VocData(root=str(root), classes="classes.txt", max_side=32), output=folder / "index.h5")
    return load_dataset(folder / "index.h5")


def test_what_it_knows(dataset: Dataset) -> None:
    assert dataset.class_names == ("background", *CLASSES)
    assert dataset.num_classes == 3
    assert (dataset.ignore_index, dataset.max_side, dataset.name) == (255, 32, "voc")
    assert dataset.splits == ["train", "val"]
    assert dataset.ids("val") == ["2007_000005", "2007_000006", "2007_000007"]
    labels = dataset.labels("val")
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 1]]
    for image_id, row in zip(dataset.ids("val"), labels, strict=True):
        assert np.array_equal(dataset.image_labels(image_id), row)


def test_splits_and_classes_of_many_images(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [
        dataset.split_of(image_id) for image_id in ("2007_000000", "2007_000004", "2007_000005", "2007_000007")
    ] == [
        "train",
        "train",
        "val",
        "val",
    ]
    with pytest.raises(InputError, match="has no image `2007_00000`: did you mean"):
        dataset.split_of("2007_00000")
    assert dataset.num_images == 8
    assert dataset.ids("val", "train") == [*dataset.ids("val"), *dataset.ids("train")]
    assert dataset.ids() == []
    rows = dataset.rows(np.array([b"2007_000006", b"elsewhere", b"2007_000001"]))
    assert rows.tolist() == [6, -1, 1]
    for block in (1, 2, 4096):
        monkeypatch.setattr(dataset_module, "BLOCK", block)
        assert dataset.class_images("val").tolist() == [2, 1, 2]


def test_images_and_masks(dataset: Dataset) -> None:
    for image_id in dataset.ids("train") + dataset.ids("val"):
        image, mask = dataset.image(image_id), dataset.mask(image_id)
        assert image.dtype == np.uint8
        assert image.shape == (*dataset.size(image_id), 3)
        if mask is None:
            assert image_id == "2007_000000"
            assert dataset.mask_path(image_id) is None
            continue
        assert mask.shape == dataset.size(image_id)
        present = set(np.unique(mask).tolist()) - {0, 255}
        assert present == set((np.flatnonzero(dataset.image_labels(image_id)) + 1).tolist())
    assert dataset.has_masks("train")
    assert dataset.has_masks("val")


def test_images_are_bounded_and_snapped_to_the_grid_of_networks(dataset: Dataset) -> None:
    image_id = dataset.ids("train")[0]
    height, width = dataset.size(image_id)
    small = dataset.bounded_image(image_id)
    assert max(small.shape) == 32
    assert abs(small.shape[0] / small.shape[1] - height / width) < 0.05
    average = dataset.image(image_id).mean((0, 1))
    assert np.abs(small.mean((0, 1)) - average).max() < 3
    dataset_at_size = pickle.loads(pickle.dumps(dataset))
    dataset_at_size.max_side = 1024
    assert np.array_equal(dataset_at_size.bounded_image(image_id), dataset.image(image_id))
    for reader, size in ((dataset, (32, 32)), (dataset_at_size, snapped_size((height, width)))):
        seen = reader.network_image(image_id)
        assert seen.shape == (*size, 3) == (*reader.network_size(image_id), 3)
        assert np.abs(seen.mean((0, 1)) - average).max() < 3


def test_goes_to_other_processes(dataset: Dataset) -> None:
    copy = pickle.loads(pickle.dumps(dataset))
    image_id = dataset.ids("val")[0]
    assert np.array_equal(copy.image(image_id), dataset.image(image_id))
    assert copy.ids("train") == dataset.ids("train")


def test_answers_are_copies(dataset: Dataset) -> None:
    dataset.labels("val")[:] = 9
    dataset.image_labels("2007_000005")[:] = 9
    assert dataset.labels("val").max() == 1
    assert dataset.image_labels("2007_000005").tolist() == [1, 0, 1]


def test_one_split_and_no_masks(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "photos", train=3, val=0, masks=False)
    index(FolderData(root=str(root)), output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert dataset.splits == ["train"]
    assert not dataset.has_masks("train")
    assert dataset.mask("img 0") is None
    with pytest.raises(InputError, match="has no split `val`, only train"):
        dataset.ids("val")


def test_changed_and_unknown_images(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "photos", train=3, val=0)
    output = tmp_path / "index.h5"
    index(FolderData(root=str(root), masks="masks"), output=output)
    dataset = load_dataset(output)
    with pytest.raises(InputError, match="has no image `img 1`: did you mean"):
        dataset.image("img 1")
    assert dataset.unchanged_path("img 0") == dataset.image_path("img 0")
    Image.new("RGB", (9, 9)).save(root / "img 0.jpg")
    Image.new("L", (9, 9)).save(root / "masks/img 0.png")
    for read in (dataset.image, dataset.mask, dataset.unchanged_path):
        with pytest.raises(InputError, match="has changed since"):
            read("img 0")
    (root / "sub/img 1.png").unlink()
    for read in (dataset.image, dataset.unchanged_path):
        with pytest.raises(InputError, match="no such image file"):
            read("sub/img 1")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such artifact"):
        load_dataset(tmp_path / "none.h5")
    with ArtifactWriter(tmp_path / "cams.h5", stage="cams"):
        pass
    with pytest.raises(InputError, match="written by stage cams; pass the file of stage index"):
        load_dataset(tmp_path / "cams.h5")


def test_package_exports() -> None:
    assert wsss.data.load_dataset is load_dataset
    assert callable(wsss.data.generate_demo)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = wsss.data.nothing
