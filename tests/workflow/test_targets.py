"""Every documented target, asked for by name with -n."""

from __future__ import annotations

import re

import pytest

from tests.workflow.conftest import DATA, VARIANTS, Project

CLASSIFIER = {"index.h5", "classifier/model.ckpt"}
CAMS = CLASSIFIER | {"cams.h5"}
LABELS = CAMS | {"saliency.h5", "auxsegnet/round0/labels.h5"}
MODELS = LABELS | {"segmenter/seeds/model.ckpt"}
PREDICTIONS = MODELS | {"predictions/val/segmenter_seeds--single.h5"}
EVALUATIONS = PREDICTIONS | {"evaluation/metrics.json"}
REPORT = EVALUATIONS | {"report.html"}

PLAIN = {
    # two names of one thing are asked for together: both must be known, neither may bring more
    "index": {"index.h5"},
    "saliency": {"index.h5", "saliency.h5"},
    "train_classifier classifiers": CLASSIFIER,
    "cams all_cams": CAMS,
    "seed_labels labels": LABELS,
    "models": MODELS,
    "results/my/segmenter/seeds/model.ckpt": MODELS,
    "predictions": PREDICTIONS,
    "evaluate evaluations": EVALUATIONS,
    "report": REPORT,
    "": REPORT,
}


@pytest.mark.parametrize("targets", PLAIN)
def test_plain(project: Project, targets: str):
    assert project.would_write(*targets.split(), project.config(data=DATA)) == PLAIN[targets]


BRANCHED = {
    "index": 1,
    "saliency": 2,
    "classifiers": 3,
    "all_cams": 5,
    "labels": 10,
    "models": 14,
    "predictions": 18,
    "evaluations": 22,
    "report": 23,
}


@pytest.mark.parametrize("target", BRANCHED)
def test_of_variants_and_seeds(project: Project, target: str):
    assert len(project.would_write(target, project.config(data=DATA, **VARIANTS))) == BRANCHED[target]


def test_labels_of_self_training_are_labels(project: Project):
    labels = {"labels": ["seeds_self", "masks"]}
    option = project.config(data=DATA, train_segmenter=labels)
    assert project.would_write("labels", option) == MODELS | {"segmenter/seeds/labels.h5"}
    assert project.would_write("models", option) == MODELS | {
        "segmenter/seeds/labels.h5",
        "segmenter/seeds_self/model.ckpt",
        "segmenter/masks/model.ckpt",
    }


def test_the_demo_runs_bare(project: Project):
    text = project.snakemake("-n").stdout
    assert "results/demo/report.html" in text


@pytest.mark.parametrize("name", ["voc12_2007", "voc12", "custom"])
def test_presets_ask_for_their_data_and_nothing_else(project: Project, name: str):
    preset = f"workflow/presets/{name}.yaml"
    line = project.error_line("-n", f"--configfile={preset}")
    assert re.fullmatch(rf"error: {re.escape(preset)}: .*: no such folder; correct `data\.root`", line)
