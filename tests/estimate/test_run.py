"""A whole run, estimated: each kind of job once, in a folder that is gone afterwards."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsss.config import load_config
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.estimate import run as estimating
from wsss.estimate.counts import Counts
from wsss.estimate.jobs import jobs_of
from wsss.estimate.measure import TIME_IS_UP, Measured
from wsss.estimate.run import estimate_run
from wsss.estimate.sample import LEVELS, Level, Sample
from wsss.estimate.scaling import Trial
from wsss.estimate.speed import look
from wsss.plan import Plan

COUNTS = Counts(40, 8, 3, [(48, 64)], 1024, "")
TRAINING = {"augmentation": {"crop_size": 32}, "batch_size": 4, "epochs": 2}
SECTIONS: dict[str, Any] = {
    "saliency": {"source": "superpixels", "segments": 20},
    "train_classifier": TRAINING,
    "cams": {"scales": [1.0], "flip": False},
    # a class of the data, which the sample calls otherwise
    "train_segmenter": {**TRAINING, "label_sets": ["seeds"], "class_weights": {"disc": 2.0}},
}
BOTH: dict[str, Any] = {
    **SECTIONS,
    "methods": ["auxsegnet", "aalr"],
    "auxsegnet": {"rounds": 1},
    "train_auxsegnet": {**TRAINING, "network": {"channels": 8, "atrous_rates": [1, 2, 3]}},
    "train_aalr": {
        **{**TRAINING, "start": "backbone", "warmup_epochs": 1, "network": {"channels": 8, "dilation": 1}},
        "masks": {"scales": [1.0], "refinement": "pamr", "pamr": {"dilations": [1], "iterations": 1}},
    },
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and a folder for temporary files."""
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    # of the estimate alone: sockets between processes need a short path, and outlive the test
    mkdtemp = partial(tempfile.mkdtemp, dir=tmp_path / "temporary")
    monkeypatch.setattr(estimating, "tempfile", SimpleNamespace(mkdtemp=mkdtemp))
    # one sample, whatever the speed of the machine
    monkeypatch.setattr(estimating, "first_level", lambda *_: Level(1.0, 2))
    monkeypatch.setattr(estimating, "_next_level", lambda *_: None)
    return tmp_path


def estimate(sections: dict[str, Any]) -> dict[str, Any]:
    plan = Plan(load_config({"run": "x", "data": {"name": "demo", "root": "nowhere"}, **sections}))
    found = estimate_run(plan, COUNTS, RunContext(device="cpu", workers=0, threads=1), device="cpu", limit=3000)
    assert [row.name for row in found.rows] == [job.name for job in jobs_of(plan)[0]]
    return {row.name: row for row in found.rows}


def test_each_kind_of_job_is_measured_and_nothing_is_left(place: Path):
    rows = estimate(SECTIONS)
    assert {row.how for row in rows.values()} == {"measured", "scaled x2"}
    assert all(row.seconds > 0 and row.memory > 0 and row.disk > 0 for row in rows.values())
    # two seconds of starting, at least, and what the classifier's 20 steps take: a few hundredths each
    assert rows["train_classifier"].working_disk == 3 * rows["train_classifier"].disk
    assert not list((place / "here").iterdir())
    assert not list((place / "temporary").glob("wsss-*"))


def test_on_a_slow_machine_trainings_are_tried_once_more_on_larger_crops(place: Path, monkeypatch: pytest.MonkeyPatch):
    least = LEVELS[-1]
    monkeypatch.setattr(estimating, "first_level", lambda *_: least)
    own = {**TRAINING, "augmentation": {"crop_size": 128}}
    rows = estimate({**SECTIONS, "train_classifier": own, "train_segmenter": {**own, "label_sets": ["seeds"]}})
    assert rows["train_classifier"].how == "scaled x2 from two samples"
    assert rows["cams"].how.startswith("scaled x") and "two" not in rows["cams"].how
    assert not list((place / "temporary").glob("wsss-*"))


def test_where_the_time_is_up_the_least_is_tried(monkeypatch: pytest.MonkeyPatch):
    job, context = jobs_of(Plan(load_config({"run": "x", "data": {"name": "demo"}})))[0][0], RunContext()
    late = Trial(job, Measured(error=TIME_IS_UP), COUNTS, Sample(Path(), 8, 4, [(48, 64)], (), True), LEVELS[0], "cpu")
    assert estimating._next_level([late], [LEVELS[0]], context, 10.0) == LEVELS[-1]
    assert estimating._next_level([late], [LEVELS[0]], context, 0.0) is None
    assert estimating._next_level([late], [LEVELS[-1]], context, 10.0) is None


def test_the_time_is_kept_and_what_came_to_no_end_is_said(place: Path):
    plan = Plan(load_config({"run": "x", "data": {"name": "demo", "root": "nowhere"}, **SECTIONS}))
    context = RunContext(device="cpu", workers=0, threads=1)
    work = estimating._workplace(jobs_of(plan)[0], plan, COUNTS, context, LEVELS[-1], "cpu", place / "work")
    found = list(estimating._try_all(jobs_of(plan)[0], work, time.monotonic() - 1))
    assert {trial.measured.error for trial in found} == {TIME_IS_UP}
    with pytest.raises(InputError, match=r"the time was up before .* give more of it: --seconds 600"):
        look(plan, jobs_of(plan)[0], place, context, limit=0)


@pytest.mark.slow
def test_both_methods_are_measured(place: Path):
    rows = estimate(BOTH)
    assert not [row for row in rows.values() if row.seconds is None]


def test_a_network_for_saliency_that_cannot_be_had_stops_no_other_job(place: Path):
    rows = estimate({**SECTIONS, "saliency": {"source": "rembg", "weights": str(place / "none.onnx")}})
    assert rows["saliency"].seconds is None
    assert "none.onnx" in rows["saliency"].how
    assert "superpixels took its place" in rows["saliency"].how
    assert rows["seed_labels"].seconds > 0
