"""A disk that fills up or fails at any write of any stage: one line, nothing half-written, and the stage goes on."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults import ERRORS, HARMLESS, TRIED, WORDS, Tried, calls_that, disk_that, tree
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
    "saliency": lambda x, path: saliency(
        Saliency(source="superpixels", segments=9), index=x.index, output=path, context=CPU
    ),
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


def content_of(folder: Path) -> dict[str, str | bytes]:
    """What the files below a folder hold, but when they were made: of artifacts the fingerprint."""
    return {
        name: fingerprint(folder / name)
        if name.endswith(".h5")
        else re.sub(rb'"(created|sha256)": "[^"]*"', b"", (folder / name).read_bytes())
        for name in tree(folder)
    }


class Trial:
    """One stage, without a fault and with each.

    Args:
        inputs: Made by the stages before it.
        stage: The stage.
        folder: An empty one, for its outputs.
    """

    def __init__(self, inputs: Inputs, stage: str, folder: Path) -> None:
        getattr(inputs, stage)  # makes all that the stage reads
        self.inputs, self.stage, self.folder, self.count = inputs, stage, folder, 0
        with disk_that() as self.disk:
            self.names, first = self.run_whole()
        with calls_that(folder) as self.calls:
            _, second = self.run_whole()
        # the same every time: neither times nor dates
        self.expected = {name: content for name, content in first.items() if content == second[name]}
        self.tried = Tried(self.disk.writes, Counter(self.calls.names))

    def run(self, path: Path) -> None:
        """Run the stage."""
        RUNS[self.stage](self.inputs, path)

    def run_whole(self) -> tuple[set[str], dict[str, str | bytes]]:
        """Run the stage in a folder of its own; return the names of its files, and what they hold."""
        self.count += 1
        folder = self.folder / f"{self.count}"
        self.run(folder / OUTPUTS[self.stage])
        names, content = tree(folder), content_of(folder)
        assert not [name for name in names if ".state" in name or ".tmp" in name]
        shutil.rmtree(folder)
        return names, content

    def meet(self, kind: str, fault: AbstractContextManager[object], what: str) -> None:
        """Run the stage with a fault, then again without."""
        self.count += 1
        folder = self.folder / f"{self.count}"
        path = folder / OUTPUTS[self.stage]
        with fault, pytest.raises(InputError, match=WORDS[kind]) as caught:
            self.run(path)
        assert "\n" not in str(caught.value), what
        left = tree(folder)
        # what stays is the state to go on from, and tables that are whole before the output that says so
        assert not path.exists(), (what, left)
        assert not [name for name in left if name.endswith(".tmp")], (what, left)
        assert {name for name in left if ".state/" not in name} <= self.names, (what, left)
        self.tried.one_line += 1
        self.run(path)
        assert tree(folder) == self.names, what
        assert self.expected.items() <= content_of(folder).items(), what
        self.tried.equal += 1
        shutil.rmtree(folder)

    def meet_at_writes(self, places: Iterable[tuple[str, int]]) -> None:
        """Meet errors at these writes."""
        for kind, number in places:
            self.tried.at_writes += 1
            self.meet(kind, disk_that(kind, number), f"{kind} at write {number} of {self.disk.writes}")

    def meet_at_calls(self, places: Iterable[tuple[str, int]]) -> None:
        """Meet errors at these calls beside writes."""
        for kind, number in places:
            self.tried.at_calls += 1
            name = self.calls.names[number - 1]
            # the folder of the next run
            fault = calls_that(self.folder / f"{self.count + 1}", kind, number)
            self.meet(kind, fault, f"{kind} at call {number} of {len(self.calls.names)}, {name}")


def in_turn(numbers: Iterable[int]) -> list[tuple[str, int]]:
    """One kind of error for each number."""
    return list(zip(itertools.cycle(ERRORS), numbers))


@pytest.mark.parametrize("stage", ["index_again", "train_classifier", "cams", "seed_labels", "predict_photos"])
def test_a_fault_is_one_line_and_the_stage_goes_on(inputs: Inputs, tmp_path: Path, stage: str) -> None:
    trial = Trial(inputs, stage, tmp_path)
    trial.meet_at_writes(in_turn([1, 1 + trial.disk.writes // 2, trial.disk.writes]))
    trial.meet_at_calls(in_turn([1, len(trial.calls.names)]))


@pytest.mark.slow
@pytest.mark.parametrize("stage", RUNS)
def test_a_fault_at_every_write_and_call_of_every_stage(inputs: Inputs, tmp_path: Path, stage: str) -> None:
    trial = Trial(inputs, stage, tmp_path)
    TRIED[stage.removesuffix("_again")] = trial.tried
    named = {*trial.disk.firsts, trial.disk.writes}
    places = [*in_turn(number for number in range(1, trial.disk.writes + 1) if number not in named)]
    trial.meet_at_writes([*places, *((kind, number) for number in sorted(named) for kind in ERRORS)])
    trial.meet_at_calls(in_turn(range(1, len(trial.calls.names) + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", HARMLESS)
@pytest.mark.parametrize("stage", RUNS)
def test_short_and_slow_writes_change_nothing(inputs: Inputs, tmp_path: Path, stage: str, kind: str) -> None:
    trial = Trial(inputs, stage, tmp_path)
    with disk_that(kind) as met:
        names, content = trial.run_whole()
    assert names == trial.names
    assert trial.expected.items() <= content.items()
    assert met.writes >= trial.disk.writes
