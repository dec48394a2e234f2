from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from tests.helpers import make_voc
from wsss.config import TrainClassifier, VocData
from wsss.context import RunContext
from wsss.errors import InputError, Interrupted
from wsss.models import Classifier
from wsss.stages.index import index
from wsss.stages.train_classifier import train_classifier
from wsss.training.checkpoint import load_model
from wsss.training.classifier import ClassifierModule

SETTINGS = {
    "epochs": 3,
    "batch_size": 3,
    "backbone": {"name": "test_resnet", "weights": "none", "frozen_stages": 1, "output_stride": 32},
    "augmentation": {"crop_size": 32},
}
CPU = RunContext(device="cpu", seed=1)


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make_voc(root / "voc", train=7, val=3)
    index(VocData(root=str(root / "voc"), classes="classes.txt"), output=root / "index.h5")
    return root / "index.h5"


def train(index_path: Path, output: Path, context: RunContext = CPU, **changes: object) -> None:
    train_classifier(TrainClassifier.parse({**SETTINGS, **changes}), index=index_path, output=output, context=context)


def test_writes_checkpoint_metrics_and_curves_and_nothing_else(index_path: Path, tmp_path: Path) -> None:
    train(index_path, tmp_path / "classifier/model.ckpt")
    assert sorted(path.name for path in (tmp_path / "classifier").iterdir()) == [
        "curves.csv",
        "metrics.json",
        "model.ckpt",
    ]
    network, info = load_model(tmp_path / "classifier/model.ckpt", Classifier, "train_classifier")
    assert info.class_names == ("background", "aeroplane", "bicycle", "bird")
    assert info.attributes["seed"] == 1
    assert info.attributes["inputs"].keys() == {"index"}
    assert network(torch.rand(1, 3, 32, 64)).logits.shape == (1, 3)
    metrics = json.loads((tmp_path / "classifier/metrics.json").read_text())
    assert (metrics["stage"], metrics["steps"], metrics["training_images"]) == ("train_classifier", 6, 7)
    assert 0 <= metrics["validation"]["map"] <= 1
    assert metrics["validation"]["images"] == 3
    assert metrics["machine"]["training_seconds"] > 0
    assert metrics["machine"]["peak_memory_mib"] is None
    assert info.metrics["validation"] == metrics["validation"]
    assert "machine" not in info.metrics
    with (tmp_path / "classifier/curves.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert [bool(row["map"]) for row in rows] == [False] * 5 + [True]


def test_equal_seeds_give_equal_files_and_a_stopped_stage_goes_on(
    index_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(index_path, tmp_path / "a/model.ckpt")
    losses, calls = ClassifierModule.losses, []

    def stop_in_step_4(self: ClassifierModule, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return losses(self, batch)

    monkeypatch.setattr(ClassifierModule, "losses", stop_in_step_4)
    with pytest.raises(Interrupted, match="after step 4 of 6; the same command goes on"):
        train(index_path, tmp_path / "b/model.ckpt")
    assert [path.name for path in (tmp_path / "b").iterdir()] == [".model.ckpt.state"]
    train(index_path, tmp_path / "b/model.ckpt")
    assert len(calls) == 6
    for name in ("model.ckpt", "curves.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert not (tmp_path / "b/.model.ckpt.state").exists()


def test_state_of_other_settings_is_not_gone_on_from(
    index_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("wsss.stages.training.write_outputs", _full_disk)
        with pytest.raises(OSError, match="disk full"):
            train(index_path, tmp_path / "model.ckpt")
    train(index_path, tmp_path / "model.ckpt", epochs=1)
    assert json.loads((tmp_path / "metrics.json").read_text())["steps"] == 2


def _full_disk(*_: object, **__: object) -> None:
    raise OSError("disk full")


def test_without_a_validation_split(tmp_path: Path) -> None:
    make_voc(tmp_path / "voc", train=3, val=0)
    data = VocData(root=str(tmp_path / "voc"), classes="classes.txt", val_list=None)
    index(data, output=tmp_path / "index.h5")
    train(tmp_path / "index.h5", tmp_path / "model.ckpt", max_steps=1)
    assert json.loads((tmp_path / "metrics.json").read_text())["validation"] is None


def test_missing_index_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such artifact"):
        train(tmp_path / "index.h5", tmp_path / "model.ckpt")
    assert list(tmp_path.iterdir()) == []
