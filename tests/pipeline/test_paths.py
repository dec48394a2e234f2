"""Paths below `results/RUN/`, to their artifacts and back."""

from __future__ import annotations

import os
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.paths import (
    artifact_at,
    glob_of,
    part_path,
    parts_beside,
    parts_folder,
    path_of,
    pattern_of,
    record_of,
)
from wsss.pipeline.stages import STAGES

WILDCARDS = {
    "label_set": "seeds_refined_self",
    "model": "segmenter_seeds",
    "split": "val",
    "protocol": "a+b",
    "round": 2,
}


def example(stage: str, **branch: str | int) -> Artifact:
    """An artifact of a stage with a value for each of its wildcards."""
    known = {name: WILDCARDS[name] for name in STAGES[stage].wildcards}
    return Artifact(stage, **known, **(branch if STAGES[stage].path.startswith("{branch}") else {}))


@pytest.mark.parametrize("stage", STAGES)
def test_the_artifact_of_a_path_has_this_path(stage: str):
    for plain, artifact in ((True, example(stage)), (False, example(stage, variant="low-2", seed=13))):
        path = path_of(artifact, plain=plain)
        assert artifact_at(path) == artifact
        assert "{" not in path
        assert fnmatch(path.removeprefix("low-2/seed13/"), glob_of(stage))


def test_paths_by_hand():
    labels = Artifact("update_labels", "low", 3, round=2)
    assert path_of(labels, plain=False) == "low/seed3/auxsegnet/round2/labels.h5"
    assert path_of(labels, plain=True) == "auxsegnet/round2/labels.h5"
    refined = Artifact("refine_labels", label_set="seeds_self")
    assert path_of(refined, plain=True) == "refined/seeds_self/labels.h5"
    predicted = Artifact("predict", "low", model="aalr", split="val", protocol="single")
    assert path_of(predicted, plain=False) == "low/seed0/predictions/val/aalr--single.h5"
    assert path_of(Artifact("index"), plain=False) == "index.h5"


def test_labels_of_round_0_are_the_seeds():
    assert artifact_at("auxsegnet/round0/labels.h5") == Artifact("seed_labels")
    assert artifact_at("low/seed1/auxsegnet/round0/labels.h5") == Artifact("seed_labels", "low", 1)
    assert artifact_at("auxsegnet/round0/model.ckpt") == Artifact("train_auxsegnet", round=0)
    assert artifact_at("auxsegnet/round1/labels.h5") == Artifact("update_labels", round=1)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "cams",
        "cams.h5.tmp",
        "deep/cams.h5",
        "low/cams.h5",
        "low/seed/cams.h5",
        "low/seedx/cams.h5",
        "a/b/seed0/cams.h5",
        # what exists once per run lies in no branch
        "low/seed0/index.h5",
        "low/seed0/saliency.h5",
        "low/seed0/report.html",
        "auxsegnet/round/labels.h5",
        "auxsegnet/round01/labels.h5",
        "auxsegnet/roundx/model.ckpt",
        "predictions/val/aalr.h5",
        "predictions/aalr--single.h5",
        "imported/cams.h5",
        # its folder has the form of a branch, but no variant may have this name
        "imported/seed0/cams.h5",
        "refined/labels.h5",
        "evaluation/summary.csv",
        "logs/cams.log",
    ],
)
def test_other_paths_are_no_artifacts(path: str):
    assert artifact_at(path) is None


def test_patterns_and_records_have_the_wildcards_of_their_stage():
    assert pattern_of("cams", plain=True) == "cams.h5"
    assert pattern_of("refine_labels", plain=False) == "{variant}/seed{seed}/refined/{label_set}/labels.h5"
    assert pattern_of("index", plain=False) == "index.h5"
    assert record_of("index", plain=False) == "index"
    assert record_of("evaluate", plain=False) == "{variant}/seed{seed}/evaluate"
    assert record_of("train_auxsegnet", plain=True) == "train_auxsegnet-{round}"
    assert record_of("predict", plain=False) == "{variant}/seed{seed}/predict-{split}-{model}-{protocol}"
    assert glob_of("predict") == "predictions/*/*--*.h5"


def test_parts_are_listed_with_those_that_were_begun_and_nothing_else(tmp_path: Path):
    whole = tmp_path / "cams.h5"
    assert parts_beside(whole) == []
    parts_folder(whole).mkdir()
    for name in ("2-of-3.h5", "1-of-2.h5.log", "notes.h5", "x-of-3.h5"):
        (parts_folder(whole) / name).touch()
    (parts_folder(whole) / ".1-of-3.h5.state").mkdir()
    assert parts_beside(whole) == [part_path(whole, 1, 3), part_path(whole, 2, 3)]


def test_a_folder_that_is_removed_while_its_parts_are_listed_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = tmp_path / "cams.h5"
    part_path(whole, 1, 2).parent.mkdir()
    part_path(whole, 1, 2).touch()
    removed = []

    def too_late(function: Any) -> Any:
        def call(path: Any) -> Any:
            removed.append(path)
            monkeypatch.undo()
            shutil.rmtree(parts_folder(whole))
            return function(path)

        return call

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, too_late(getattr(os, name)))
    assert parts_beside(whole) == []
    assert [Path(path) for path in removed] == [parts_folder(whole)]
