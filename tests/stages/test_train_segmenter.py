from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers import make_voc
from wsss.config import TrainSegmenter, VocData
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.models import Segmenter
from wsss.stages.index import index
from wsss.stages.train_segmenter import train_segmenter
from wsss.store import ArtifactWriter
from wsss.training.checkpoint import load_model, load_weights

SETTINGS = {
    "epochs": 1,
    "batch_size": 3,
    "head_channels": 8,
    "atrous_rates": [2, 4],
    "backbone": {"name": "test_resnet", "weights": "none", "frozen_stages": 1},
    "augmentation": {"crop_size": 32},
}
CPU = RunContext(device="cpu")


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make_voc(root / "voc", train=6, val=3)
    index(VocData(root=str(root / "voc"), classes="classes.txt"), output=root / "index.h5")
    return root / "index.h5"


def write_labels(path: Path, index_path: Path, value: int | None, *, skip: int = 0, stage: str = "seed_labels") -> Path:
    """Labels that are `value` everywhere; None takes the masks."""
    dataset = load_dataset(index_path)
    with ArtifactWriter(path, stage=stage, attributes={"class_names": list(dataset.class_names)}) as artifact:
        for image_id in dataset.ids("train")[skip:]:
            mask = dataset.mask(image_id)
            assert mask is not None
            artifact["segmentation", image_id] = mask if value is None else np.full_like(mask, value)
    return path


def train(index_path: Path, labels: Path | None, output: Path, context: RunContext = CPU, **changes: object) -> None:
    settings = TrainSegmenter.parse({**SETTINGS, **changes})
    train_segmenter(settings, index=index_path, labels=labels, output=output, context=context)


def test_trains_on_labels_of_an_artifact(index_path: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.h5", index_path, None)
    train(index_path, labels, tmp_path / "out/model.ckpt", RunContext(device="cpu", workers=1))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["curves.csv", "metrics.json", "model.ckpt"]
    network, info = load_model(tmp_path / "out/model.ckpt", Segmenter, "train_segmenter")
    assert network(torch.rand(1, 3, 32, 64)).shape == (1, 4, 2, 4)
    assert info.attributes["inputs"].keys() == {"index", "labels"}
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    assert metrics["steps"] == 2
    assert 0 <= metrics["validation"]["miou"] <= 1
    assert metrics["validation"]["iou"].keys() == {"background", "aeroplane", "bicycle", "bird"}


def test_labels_equal_to_the_masks_train_the_same_network(index_path: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.h5", index_path, None)
    train(index_path, labels, tmp_path / "a/model.ckpt")
    train(index_path, None, tmp_path / "b/model.ckpt")
    found, expected = (load_weights(tmp_path / name / "model.ckpt")[0] for name in "ab")
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    _, info = load_weights(tmp_path / "b/model.ckpt")
    assert info.attributes["inputs"].keys() == {"index"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "hold only background; look at the CAMs"),
        (255, "no pixel other than 255"),
        (9, "holds the value 9, but the classes end at 3"),
    ],
)
def test_labels_with_nothing_to_learn_do_not_pass(index_path: Path, tmp_path: Path, value: int, message: str) -> None:
    labels = write_labels(tmp_path / "labels.h5", index_path, value)
    with pytest.raises(InputError, match=message) as caught:
        train(index_path, labels, tmp_path / "model.ckpt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.ckpt").exists()


def test_labels_of_other_images_do_not_pass(index_path: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.h5", index_path, 1, skip=2)
    with pytest.raises(InputError, match="2 of 6 images have no segmentation, the first is `2007_000000`"):
        train(index_path, labels, tmp_path / "model.ckpt")


def test_another_artifact_does_not_pass_as_labels(index_path: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "cams.h5", index_path, 1, stage="cams")
    with pytest.raises(InputError, match="was written by stage cams; pass the file of stage seed_labels"):
        train(index_path, labels, tmp_path / "model.ckpt")


def test_masks_are_asked_for_where_there_are_none(tmp_path: Path) -> None:
    make_voc(tmp_path / "voc", train=3, val=1)
    data = VocData(root=str(tmp_path / "voc"), classes="classes.txt", mask_folder=None)
    index(data, output=tmp_path / "index.h5")
    with pytest.raises(InputError, match="no training image has a mask"):
        train(tmp_path / "index.h5", None, tmp_path / "model.ckpt")


def test_validation_needs_masks(tmp_path: Path) -> None:
    make_voc(tmp_path / "voc", train=3, val=1)
    data = VocData(root=str(tmp_path / "voc"), classes="classes.txt", mask_folder=None)
    index(data, output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    classes = {"class_names": list(dataset.class_names)}
    with ArtifactWriter(tmp_path / "labels.h5", stage="seed_labels", attributes=classes) as artifact:
        for image_id in dataset.ids("train"):
            artifact["segmentation", image_id] = np.ones(dataset.size(image_id), np.uint8)
    train(tmp_path / "index.h5", tmp_path / "labels.h5", tmp_path / "model.ckpt")
    assert json.loads((tmp_path / "metrics.json").read_text())["validation"] is None


def test_one_image_at_a_time_is_refused(index_path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch_size`: input should be greater than or equal to 2"):
        train(index_path, None, tmp_path / "model.ckpt", batch_size=1)
