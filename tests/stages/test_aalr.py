"""The stages `train_aalr` and `aalr_labels`, and what reads what they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers import make_voc
from wsss.config import Protocol, TrainClassifier, TrainSegmenter, VocData
from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.stages.aalr_labels import aalr_labels
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.train_aalr import train_aalr
from wsss.stages.train_classifier import train_classifier
from wsss.stages.train_segmenter import train_segmenter
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_weights

BACKBONE = {"name": "test_resnet", "weights": "none", "output_stride": 16, "frozen_stages": 1}
TRAINING: dict[str, Any] = {
    "backbone": BACKBONE,
    "augmentation": {"crop_size": 32},
    "epochs": 2,
    "warmup_epochs": 1,
    "max_steps": 4,
    "batch_size": 2,
}
AALR: dict[str, Any] = {
    **TRAINING,
    "network": {"channels": 8, "dilation": 1},
    "masks": {"scales": [1.0, 0.5], "refinement": "pamr", "pamr": {"dilations": [1], "iterations": 1}},
    "adaptive_affinity": {"offset": 1},
    "label_reassign": {"min_points": 1},
}
CPU = RunContext(device="cpu", workers=0)


class Run:
    """A tiny data set, and a network trained on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.index, self.model = root, root / "index.h5", root / "aalr/model.ckpt"
        make_voc(root / "voc", train=6, val=3)
        index(VocData(root=str(root / "voc"), classes="classes.txt"), output=self.index)
        self.dataset = load_dataset(self.index)
        self.train(self.model, measure_masks=True)

    def train(self, output: Path, classifier: Path | None = None, context: RunContext = CPU, **changes: Any) -> None:
        settings = TrainAalr.parse({**AALR, **changes})
        train_aalr(settings, index=self.index, output=output, classifier=classifier, context=context)

    def label(self, output: Path, **settings: Any) -> ArtifactReader:
        aalr_labels(AalrLabels.parse(settings), index=self.index, model=self.model, output=output, context=CPU)
        return ArtifactReader(output, "aalr_labels")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


def test_training_leaves_a_checkpoint_and_numbers(run: Run) -> None:
    _, info = load_weights(run.model, "train_aalr", class_names=run.dataset.class_names)
    assert info.kind == "aalr"
    assert info.model_settings["channels"] == 8
    numbers = json.loads((run.model.parent / "metrics.json").read_text())
    assert numbers["steps"] == 4
    assert numbers["validation"]["images"] == 3
    assert numbers["machine"]["parts"]["joint_steps"] == 1
    header, *rows = (run.model.parent / "epochs.csv").read_text().splitlines()
    assert len(rows) == 1
    assert {"mask_coverage", "mask_miou", "reassigned", "reassigned aeroplane"} <= set(header.split(","))
    assert not (run.model.parent / ".model.ckpt.state").exists()


def test_goes_on_from_the_classifier(run: Run, tmp_path: Path) -> None:
    classifier = tmp_path / "classifier/model.ckpt"
    settings = TrainClassifier.parse({"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 1})
    train_classifier(settings, index=run.index, output=classifier, context=CPU)
    changes: dict[str, Any] = {
        "start": "classifier",
        "backbone": {**BACKBONE, "weights": "auto"},
        "warmup_epochs": None,
        "max_steps": 1,
        "optimizer": {"learning_rate": 1e-12},
    }
    output = tmp_path / "aalr/model.ckpt"
    run.train(output, classifier, **changes)
    before, after = load_weights(classifier)[0], load_weights(output)[0]
    assert torch.allclose(after["classifier.weight"], before["classifier.weight"], atol=1e-6)
    assert json.loads((output.parent / "metrics.json").read_text())["machine"]["parts"]["joint_steps"] == 1
    with pytest.raises(InputError, match="pass --classifier FILE, its checkpoint"):
        run.train(output, **changes)
    with pytest.raises(InputError, match="has the backbone `test_resnet`; make them the same"):
        other = {**changes, "backbone": {**BACKBONE, "name": "resnet18", "weights": "auto"}}
        run.train(tmp_path / "other/model.ckpt", classifier, **other)


@pytest.mark.parametrize(
    ("changes", "context", "message"),
    [
        ({"max_steps": 3}, CPU, "the first phase alone has 3 steps"),
        ({"mask_delay": 1}, RunContext(device="cpu", devices=2), "mask_delay is 1, which works on one device"),
    ],
)
def test_what_cannot_work_is_said(run: Run, changes: Any, context: RunContext, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run.train(tmp_path / "model.ckpt", context=context, **changes)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(InputError, match="leaves none for the segmentation"):
        TrainAalr.parse({"epochs": 3, "warmup_epochs": 3})
    with pytest.raises(InputError, match="the first phase would learn nothing"):
        TrainAalr.parse({"loss_weights": {"classification": 0}})
    with pytest.raises(InputError, match="all losses have the weight 0"):
        nothing = {"adaptive_affinity": {"weight": 0}, "label_reassign": {"weight": 0}}
        TrainAalr.parse({**nothing, "warmup_epochs": 0, "loss_weights": {"classification": 0, "segmentation": 0}})
    with pytest.raises(InputError, match="goes on from the classifier's weights"):
        TrainAalr.parse({"start": "classifier", "backbone": {"weights": "none"}})
    assert TrainAalr.parse({"epochs": 9}).warmup == 4
    assert TrainAalr.parse({"epochs": 9, "start": "classifier"}).warmup == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"flip": False},
        {"scales": [1.0, 0.5], "crf": {"iterations": 1}},
        {"source": "masks", "scale": 1.5, "masks": AALR["masks"]},
        {"source": "masks", "save_masks": True},
        {"save_masks": True},
    ],
)
def test_labels_hold_background_and_classes_of_the_image(run: Run, settings: dict[str, Any], tmp_path: Path) -> None:
    reader = run.label(tmp_path / "labels.h5", **settings)
    assert reader.attributes["class_names"] == list(run.dataset.class_names)
    of_masks, kept = settings.get("source") == "masks", settings.get("save_masks", False)
    for image_id in run.dataset.ids("train"):
        allowed = {0, *(np.flatnonzero(run.dataset.image_labels(image_id)) + 1).tolist()}
        for kind in ("segmentation", *(("masks", "reassigned") if kept else ())):
            labels = reader.read(kind, image_id)
            assert labels.shape == run.dataset.size(image_id)
            assert labels.dtype == np.uint8
            sure = labels[labels != 255] if of_masks or kind != "segmentation" else labels
            assert set(np.unique(sure).tolist()) <= allowed
        assert reader.has("masks", image_id) == reader.has("reassigned", image_id) == kept
        if of_masks and kept:
            assert (reader.read("masks", image_id) == reader.read("segmentation", image_id)).all()


def test_masks_are_those_of_the_training_unless_the_labels_have_settings_of_their_own(run: Run, tmp_path: Path) -> None:
    implied = run.label(tmp_path / "implied.h5", source="masks")
    named = run.label(tmp_path / "named.h5", source="masks", masks=AALR["masks"])
    other = run.label(tmp_path / "other.h5", source="masks", masks={"refinement": "none", "reliability": "none"})
    ids = run.dataset.ids("train")

    def equal(one: ArtifactReader, two: ArtifactReader) -> bool:
        return all((one.read("segmentation", name) == two.read("segmentation", name)).all() for name in ids)

    assert equal(implied, named)
    assert not equal(implied, other)


def test_a_segmenter_learns_from_the_labels_and_the_network_predicts(run: Run, tmp_path: Path) -> None:
    labels = tmp_path / "labels.h5"
    run.label(labels, source="masks", masks={**AALR["masks"], "reliability": "none"}).close()
    settings = TrainSegmenter.parse(
        {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 1, "batch_size": 2, "head_channels": 8}
    )
    train_segmenter(settings, index=run.index, labels=labels, output=tmp_path / "segmenter.ckpt", context=CPU)
    output = tmp_path / "aalr--single.h5"
    predict(Protocol(), index=run.index, model=run.model, split="val", output=output, context=CPU)
    reader = ArtifactReader(output, "predict")
    for image_id in run.dataset.ids("val"):
        assert reader.read("segmentation", image_id).shape == run.dataset.size(image_id)
    assert reader.attributes["model"] == "aalr"


def test_equal_runs_give_equal_checkpoints(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "a/model.ckpt", tmp_path / "b/model.ckpt"
    for output in (first, second):
        run.train(output, max_steps=4)
    assert first.read_bytes() == second.read_bytes()
