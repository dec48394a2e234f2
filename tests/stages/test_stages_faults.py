"""A disk that fills up or fails at any write of any stage: one line, nothing half-written, and the stage goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import ERRORS, disk_that, tree
from tests.stages.networks import BACKBONE, Networks
from tests.stages.rounds import NETWORK, TRAINING
from tests.stages.trained_aalr import AALR
from wsss.config import (
    Cams,
    Evaluate,
    Protocol,
    Report,
    Saliency,
    SeedLabels,
    SegmenterLabels,
    TrainClassifier,
    TrainSegmenter,
    VocData,
)
from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.config.refine_labels import RefineLabels
from wsss.config.rounds import TrainAuxsegnet, UpdateLabels
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.stages.aalr_labels import aalr_labels
from wsss.stages.artifact import fingerprint
from wsss.stages.cams import cams
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.predict_photos import predict_photos
from wsss.stages.refine_labels import refine_labels
from wsss.stages.report import report
from wsss.stages.saliency import saliency
from wsss.stages.seed_labels import seed_labels
from wsss.stages.segmenter_labels import segmenter_labels
from wsss.stages.train_aalr import train_aalr
from wsss.stages.train_auxsegnet import train_auxsegnet
from wsss.stages.train_classifier import train_classifier
from wsss.stages.train_segmenter import train_segmenter
from wsss.stages.update_labels import update_labels

CPU = RunContext(device="cpu", checkpoint_minutes=0)
SMALL = {**TRAINING, "backbone": {**BACKBONE, "name": "test_resnet"}}
WORDS = {"full": "no space left", "failing": "the disk fails", "forbidden": "cannot be written"}
RULE = SeedLabels(cam_threshold=0.0, saliency_threshold=0.5, background_cam_threshold=1.0)


class Inputs:
    """Paths of a tiny run, made by all stages in order."""

    def __init__(self, networks: Networks, root: Path) -> None:
        self.networks, self.root, self.index = networks, root, networks.index

    def __getattr__(self, name: str) -> Path:
        path = self.root / OUTPUTS[name]
        if not path.exists():
            RUNS[name](self, path)
        return path


OUTPUTS = {
    "index_again": "index.h5",
    "saliency": "saliency.h5",
    "train_classifier": "classifier/model.ckpt",
    "cams": "cams.h5",
    "seed_labels": "seeds.h5",
    "refine_labels": "refined.h5",
    "train_auxsegnet": "auxsegnet/model.ckpt",
    "update_labels": "updated.h5",
    "train_aalr": "aalr/model.ckpt",
    "aalr_labels": "aalr.h5",
    "train_segmenter": "segmenter/model.ckpt",
    "segmenter_labels": "segmenter_labels.h5",
    "predict": "predicted.h5",
    "predict_photos": "photos/masks/classes.txt",
    "evaluate": "evaluation/metrics.json",
    "report": "report.html",
}
RUNS: dict[str, Callable[[Inputs, Path], object]] = {
    "index_again": lambda x, path: index(VocData(root=str(x.networks.photos), classes="classes.txt"), output=path),
    "saliency": lambda x, path: saliency(Saliency(source="superpixels"), index=x.index, output=path, context=CPU),
    "train_classifier": lambda x, path: train_classifier(
        TrainClassifier.parse(SMALL), index=x.index, output=path, context=CPU
    ),
    "cams": lambda x, path: cams(
        Cams(scales=(1.0,)), index=x.index, classifier=x.train_classifier, output=path, context=CPU
    ),
    "seed_labels": lambda x, path: seed_labels(
        RULE, index=x.index, cams=x.cams, saliency=x.saliency, output=path, context=CPU
    ),
    "refine_labels": lambda x, path: refine_labels(
        RefineLabels.parse({}), index=x.index, labels=x.seed_labels, output=path, context=CPU
    ),
    "train_auxsegnet": lambda x, path: train_auxsegnet(
        TrainAuxsegnet.parse({**TRAINING, "network": NETWORK}),
        index=x.index,
        labels=x.seed_labels,
        weights=x.train_classifier,
        output=path,
        context=CPU,
    ),
    "update_labels": lambda x, path: update_labels(
        UpdateLabels.parse({"saliency_crf": None}),
        index=x.index,
        model=x.train_auxsegnet,
        saliency=x.saliency,
        output=path,
        context=CPU,
    ),
    "train_aalr": lambda x, path: train_aalr(TrainAalr.parse(AALR), index=x.index, output=path, context=CPU),
    "aalr_labels": lambda x, path: aalr_labels(
        AalrLabels.parse({}), index=x.index, model=x.train_aalr, output=path, context=CPU
    ),
    "train_segmenter": lambda x, path: train_segmenter(
        TrainSegmenter.parse({**SMALL, "head_channels": 8, "atrous_rates": [2]}),
        index=x.index,
        labels=x.seed_labels,
        output=path,
        context=CPU,
    ),
    "segmenter_labels": lambda x, path: segmenter_labels(
        SegmenterLabels(), index=x.index, segmenter=x.networks.segmenter, saliency=x.saliency, output=path, context=CPU
    ),
    "predict": lambda x, path: predict(
        Protocol(), index=x.index, model=x.networks.segmenter, split="val", output=path, context=CPU
    ),
    "predict_photos": lambda x, path: predict_photos(
        x.networks.segmenter, [x.networks.photos / "JPEGImages"], output=path.parents[1], context=CPU
    ),
    "evaluate": lambda x, path: evaluate(
        Evaluate(), index=x.index, saliency=x.saliency, labels={"seeds": x.seed_labels}, output=path, context=CPU
    ),
    "report": lambda x, path: report(Report(samples=2), index=x.index, evaluations=[x.evaluate], output=path),
}


@pytest.fixture(scope="module")
def inputs(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(networks, tmp_path_factory.mktemp("faults"))


def places(writes: int, count: int) -> list[int]:
    """The first and the last write, and some in between."""
    return sorted({1 + round(step * (writes - 1) / (count - 1)) for step in range(count)})


def check(inputs: Inputs, stage: str, folder: Path, count: int) -> None:
    getattr(inputs, stage)  # makes all that the stage reads
    with disk_that() as counted:
        path = folder / "whole" / OUTPUTS[stage]
        RUNS[stage](inputs, path)
    expected, names = fingerprint(path), tree(folder / "whole")
    assert not [name for name in names if ".state" in name or ".tmp" in name]
    for turn, number in enumerate(places(counted.writes, count)):
        kind = list(ERRORS)[turn % len(ERRORS)]
        path = folder / str(number) / OUTPUTS[stage]
        with disk_that(kind, number), pytest.raises(InputError, match=WORDS[kind]) as caught:
            RUNS[stage](inputs, path)
        assert "\n" not in str(caught.value)
        left = tree(folder / str(number))
        # what stays is the state to go on from, and tables that are whole before the output that says so
        assert not path.exists(), (number, left)
        assert not [name for name in left if name.endswith(".tmp")], (number, left)
        assert {name for name in left if ".state/" not in name} <= names, (number, left)
        RUNS[stage](inputs, path)
        assert tree(folder / str(number)) == names
        if path.suffix in (".h5", ".ckpt"):
            assert fingerprint(path) == expected


@pytest.mark.parametrize("stage", ["index_again", "train_classifier", "cams", "seed_labels", "predict_photos"])
def test_a_fault_is_one_line_and_the_stage_goes_on(inputs: Inputs, tmp_path: Path, stage: str) -> None:
    check(inputs, stage, tmp_path, 3)


@pytest.mark.slow
@pytest.mark.parametrize("stage", RUNS)
def test_a_fault_at_many_writes_of_every_stage(inputs: Inputs, tmp_path: Path, stage: str) -> None:
    check(inputs, stage, tmp_path, 9)
