"""The augmented training set of VOC: which images, whose masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from tests.helpers import make_voc, save_mask, shapes
from wsss.config import VocData
from wsss.data import load_dataset
from wsss.data.images import read_mask
from wsss.downloads.trainaug import LIST, MASKS, make_trainaug, read_sbd
from wsss.errors import InputError
from wsss.stages.index import index


def make_sbd(root: Path, ids: dict[str, list[str]]) -> Path:
    """SBD's layout: `cls`, `train.txt`, `val.txt`; the masks hold class 3 and no border."""
    (root / "cls").mkdir(parents=True)
    for split, members in ids.items():
        (root / f"{split}.txt").write_text("".join(f"{image_id}\n" for image_id in members))
        for image_id in members:
            mask = np.where(shapes(int(image_id[5:]))[1] > 0, 3, 0).astype(np.uint8)
            inner = np.zeros((1,), [("Segmentation", object), ("CategoriesPresent", object)])
            inner[0] = (mask, np.array([3]))
            savemat(root / f"cls/{image_id}.mat", {"GTcls": inner})
    return root


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """VOC with two images to train on, two to validate on, and three photographs more."""
    root = make_voc(tmp_path / "VOCdevkit/VOC2012", train=2, val=2)
    for number in (4, 5, 6):
        Image.fromarray(shapes(number)[0]).save(root / f"JPEGImages/2007_{number:06d}.jpg")
    return root


@pytest.fixture
def sbd(tmp_path: Path) -> Path:
    # the second is in VOC's train, the third in its val
    return make_sbd(
        tmp_path / "sbd",
        {"train": ["2007_000005", "2007_000001", "2007_000002"], "val": ["2007_000004", "2007_000006"]},
    )


def test_images_of_both_without_those_of_val(voc: Path, sbd: Path, tmp_path: Path) -> None:
    said = make_trainaug(voc, sbd)
    assert said.startswith(f"{voc / LIST}: 5 images, 7 masks in {MASKS}; 3 images have no annotation in XML")
    train = [f"2007_{number:06d}" for number in (0, 1, 4, 5, 6)]
    assert (voc / LIST).read_text().split() == train
    for number in range(7):
        mask = read_mask(voc / MASKS / f"2007_{number:06d}.png")
        truth = shapes(number)[1]
        assert np.array_equal(mask, truth if number < 4 else np.where(truth > 0, 3, 0))
    assert Image.open(voc / MASKS / "2007_000005.png").mode == "P"
    settings = VocData(root=str(voc), train_list=LIST, mask_folder=MASKS, without_xml="masks")
    index(settings, output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert dataset.ids("train") == train
    assert dataset.image_labels("2007_000005").nonzero()[0].tolist() == [2]
    assert dataset.label_source == "XML annotations; 3 images: masks (ground truth)"


def test_a_second_time_changes_nothing_and_nothing_foreign_is_replaced(voc: Path, sbd: Path) -> None:
    make_trainaug(voc, sbd)
    before = (voc / LIST).read_text()
    make_trainaug(voc, sbd)
    assert (voc / LIST).read_text() == before
    save_mask(voc / MASKS / "2007_000005.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"2007_000005\.png: exists and was changed after this program wrote it"):
        make_trainaug(voc, sbd)


def test_what_is_missing_or_damaged(voc: Path, sbd: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run `wsss download voc2012` first"):
        make_trainaug(tmp_path / "no", sbd)
    path = sbd / "cls/2007_000005.mat"
    content = path.read_bytes()
    path.write_bytes(content[:200])
    with pytest.raises(InputError, match=r"2007_000005\.mat: no mask of SBD \(") as caught:
        make_trainaug(voc, sbd)
    assert "\n" not in str(caught.value)
    savemat(path, {"GTcls": np.zeros(3)})
    with pytest.raises(InputError, match="no mask of SBD"):
        read_sbd(sbd, "2007_000005")
    inner = np.zeros((1,), [("Segmentation", object)])
    inner[0] = (np.full((3, 3), 77, np.uint8),)
    savemat(path, {"GTcls": inner})
    with pytest.raises(InputError, match="no mask of VOC's classes"):
        read_sbd(sbd, "2007_000005")
    path.unlink()
    with pytest.raises(InputError, match=r"no such file; delete .* and run `wsss download sbd` again"):
        make_trainaug(voc, sbd)
