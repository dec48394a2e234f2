"""A whole run, estimated: each kind of job once, in a folder that is gone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wsss.config import load_config
from wsss.context import RunContext
from wsss.estimate import run as estimating
from wsss.estimate.counts import Counts
from wsss.estimate.jobs import jobs_of
from wsss.estimate.run import estimate_run
from wsss.estimate.sample import Level
from wsss.plan import Plan

COUNTS = Counts(40, 8, 3, [(48, 64)], 1024, "")
TRAINING = {"augmentation": {"crop_size": 32}, "batch_size": 4, "epochs": 2}
SECTIONS: dict[str, Any] = {
    "saliency": {"source": "superpixels", "segments": 20},
    "train_classifier": TRAINING,
    "cams": {"scales": [1.0], "flip": False},
    "train_segmenter": {**TRAINING, "label_sets": ["seeds"]},
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
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
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
