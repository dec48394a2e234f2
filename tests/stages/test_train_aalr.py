"""The stage `train_aalr`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.stages.trained_aalr import BACKBONE, CPU, TrainedAalr
from wsss.config import TrainClassifier
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.stages.train_classifier import train_classifier
from wsss.store import ArtifactWriter
from wsss.training.checkpoint import load_weights


def test_training_leaves_a_checkpoint_and_numbers(aalr: TrainedAalr) -> None:
    _, info = load_weights(aalr.model, "train_aalr", class_names=aalr.dataset.class_names)
    assert info.kind == "aalr"
    assert info.model_settings["channels"] == 8
    numbers = json.loads((aalr.model.parent / "metrics.json").read_text())
    assert numbers["steps"] == 4
    assert numbers["validation"]["images"] == 3
    assert numbers["machine"]["parts"]["joint_steps"] == 1
    header, *rows = (aalr.model.parent / "epochs.csv").read_text().splitlines()
    assert len(rows) == 1
    assert {"mask_coverage", "mask_miou", "reassigned", "reassigned aeroplane"} <= set(header.split(","))
    assert not (aalr.model.parent / ".model.ckpt.state").exists()


def test_goes_on_from_the_classifier(aalr: TrainedAalr, tmp_path: Path) -> None:
    classifier = tmp_path / "classifier/model.ckpt"
    settings = TrainClassifier.parse({"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 1})
    train_classifier(settings, index=aalr.index, output=classifier, context=CPU)
    changes: dict[str, Any] = {
        "start": "classifier",
        "backbone": {**BACKBONE, "weights": "auto"},
        "warmup_epochs": None,
        "max_steps": 1,
        "optimizer": {"learning_rate": 1e-12},
    }
    output = tmp_path / "aalr/model.ckpt"
    aalr.train(output, classifier, **changes)
    before, after = load_weights(classifier)[0], load_weights(output)[0]
    assert torch.allclose(after["classifier.weight"], before["classifier.weight"], atol=1e-6)
    assert json.loads((output.parent / "metrics.json").read_text())["machine"]["parts"]["joint_steps"] == 1
    with pytest.raises(InputError, match="pass --classifier FILE, the classifier"):
        aalr.train(output, **changes)
    with pytest.raises(InputError, match="has the backbone `test_resnet`; make them the same"):
        other = {**changes, "backbone": {**BACKBONE, "name": "resnet18", "weights": "auto"}}
        aalr.train(tmp_path / "other/model.ckpt", classifier, **other)


def test_masks_of_stored_cams(aalr: TrainedAalr, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"mask_source": "cams", "warmup_epochs": 0, "max_steps": 2, "measure_masks": True}
    ids = aalr.dataset.ids("train")
    masks = {}
    for score in (0.0, 1.0):
        stored = tmp_path / f"cams{score}.h5"
        with ArtifactWriter(stored, stage="cams", attributes={"class_names": list(aalr.dataset.class_names)}) as writer:
            for image_id in ids:
                values = np.flatnonzero(aalr.dataset.image_labels(image_id)) + 1
                planes = np.full((len(values), 8, 8), score, np.float16)
                writer.write("cams", image_id, planes, classes=values.astype(np.uint8))
        output = tmp_path / f"model{score}.ckpt"
        aalr.train(output, cams=stored, **changes)
        masks[score] = (output.parent / "epochs.csv").read_text()
    assert masks[0.0] != masks[1.0]
    with pytest.raises(InputError, match="pass --cams FILE, the artifact of stage cams"):
        aalr.train(tmp_path / "without.ckpt", **changes)


@pytest.mark.parametrize(
    ("changes", "context", "message"),
    [
        ({"max_steps": 3}, CPU, "the first phase alone has 3 steps"),
        ({"mask_delay": 1}, RunContext(device="cpu", devices=2), "mask_delay is 1, which works on one device"),
    ],
)
def test_what_cannot_work_is_said(
    aalr: TrainedAalr, changes: Any, context: RunContext, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        aalr.train(tmp_path / "model.ckpt", context=context, **changes)


def test_equal_runs_give_equal_checkpoints(aalr: TrainedAalr, tmp_path: Path) -> None:
    first, second = tmp_path / "a/model.ckpt", tmp_path / "b/model.ckpt"
    for output in (first, second):
        aalr.train(output, max_steps=4)
    assert first.read_bytes() == second.read_bytes()
