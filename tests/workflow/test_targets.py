"""Every documented target, asked for by name with -n."""

from __future__ import annotations

import re

import pytest

from tests.workflow.conftest import DATA, VARIANTS, Project
from wsss.pipeline.stages import STAGES

CLASSIFIER = {"index.h5", "classifier/model.ckpt"}
CAMS = CLASSIFIER | {"cams.h5"}
LABELS = CAMS | {"saliency.h5", "auxsegnet/round0/labels.h5"}
MODELS = LABELS | {"segmenter/seeds/model.ckpt"}
PREDICTIONS = MODELS | {"predictions/val/segmenter_seeds--single.h5"}
EVALUATIONS = PREDICTIONS | {"evaluation/metrics.json"}
REPORT = EVALUATIONS | {"report.html"}

PLAIN = {
    # names of one thing are asked for together: all must be known, none may bring more
    "index all_index": {"index.h5"},
    "saliency all_saliency": {"index.h5", "saliency.h5"},
    "train_classifier all_train_classifier classifiers": CLASSIFIER,
    "cams all_cams": CAMS,
    "seed_labels all_seed_labels labels all_segmenter_labels": LABELS,
    "all_train_segmenter models": MODELS,
    "results/my/segmenter/seeds/model.ckpt": MODELS,
    "all_predict predictions": PREDICTIONS,
    "evaluate all_evaluate evaluations": EVALUATIONS,
    "report all_report": REPORT,
    "": REPORT,
}


@pytest.mark.parametrize("targets", PLAIN)
def test_plain(project: Project, targets: str):
    assert project.would_write(*targets.split(), project.config(data=DATA)) == PLAIN[targets]


AALR = {
    "methods": ["aalr"],
    "train_segmenter": {"label_sets": ["aalr"]},
    "segmenter_labels": {"saliency_threshold": None},
}
OF_AALR = {
    "all_train_aalr": {"index.h5", "aalr/model.ckpt"},
    "labels": {"index.h5", "aalr/model.ckpt", "aalr/labels.h5"},
    "": {
        *("index.h5", "aalr/model.ckpt", "aalr/labels.h5", "segmenter/aalr/model.ckpt"),
        *("predictions/val/aalr--single.h5", "predictions/val/segmenter_aalr--single.h5"),
        *("evaluation/metrics.json", "report.html"),
    },
}


@pytest.mark.parametrize("target", OF_AALR)
def test_of_aalr(project: Project, target: str):
    assert project.would_write(*target.split(), project.config(data=DATA, **AALR)) == OF_AALR[target]


def test_a_folder_that_no_stage_of_the_run_reads_may_be_missing(project: Project):
    maps = {"source": "folder", "folder": "maps"}
    option = project.config(data=DATA, saliency=maps, **AALR)
    assert project.would_write(option) == OF_AALR[""]
    asked_for = project.snakemake("-n", "saliency", option, check=False).stdout
    assert asked_for.splitlines()[-1].startswith("error: maps: cannot be read (No such file or directory)")
    line = project.error_line("-n", project.config(data=DATA, saliency=maps))
    assert line == "error: my.yaml: maps: no such folder; correct `saliency.folder`"


REFINED = {
    "train_segmenter": {"label_sets": ["seeds_refined"]},
    "refine_labels": {"label_sets": ["seeds_refined_self"]},
}
REFINED_LABELS = LABELS | {"refined/seeds/labels.h5"}
REFINED_TWICE = REFINED_LABELS | {
    *("segmenter/seeds_refined/model.ckpt", "segmenter/seeds_refined/labels.h5"),
    "refined/seeds_refined_self/labels.h5",
}
OF_REFINED = {
    "results/my/refined/seeds/labels.h5": REFINED_LABELS,
    "all_refine_labels": REFINED_TWICE,
    "labels": REFINED_TWICE,
    "models": REFINED_LABELS | {"segmenter/seeds_refined/model.ckpt"},
    "": REFINED_TWICE
    | {"predictions/val/segmenter_seeds_refined--single.h5", "evaluation/metrics.json", "report.html"},
}


@pytest.mark.parametrize("target", OF_REFINED)
def test_of_refined_label_sets(project: Project, target: str):
    assert project.would_write(*target.split(), project.config(data=DATA, **REFINED)) == OF_REFINED[target]


ROUNDS = {"methods": ["auxsegnet"], "auxsegnet": {"rounds": 2}}
ROUND_LABELS = {
    *(f"auxsegnet/round{number}/labels.h5" for number in (1, 2)),
    *(f"auxsegnet/round{number}/model.ckpt" for number in (0, 1)),
}
ROUND_PREDICTIONS = {f"predictions/val/auxsegnet_round{number}--single.h5" for number in (0, 1)}

OF_ROUNDS = {
    "seed_labels": LABELS,
    "labels": LABELS | ROUND_LABELS,
    "models": MODELS | ROUND_LABELS - {"auxsegnet/round2/labels.h5"},
    "results/my/auxsegnet/round1/labels.h5": LABELS | {"auxsegnet/round0/model.ckpt", "auxsegnet/round1/labels.h5"},
    "results/my/auxsegnet/round1/model.ckpt": LABELS | ROUND_LABELS - {"auxsegnet/round2/labels.h5"},
    "predictions": PREDICTIONS | ROUND_LABELS - {"auxsegnet/round2/labels.h5"} | ROUND_PREDICTIONS,
    "": REPORT | ROUND_LABELS | ROUND_PREDICTIONS,
}


@pytest.mark.parametrize("target", OF_ROUNDS)
def test_of_rounds(project: Project, target: str):
    assert project.would_write(*target.split(), project.config(data=DATA, **ROUNDS)) == OF_ROUNDS[target]


BRANCHED = {
    # two variants, two seeds: how many artifacts of the stage there are, with those that they need
    "all_index index": 1,
    "all_saliency saliency": 2,
    "all_train_classifier classifiers": 3,
    "all_cams": 5,
    "all_seed_labels labels": 10,
    "all_train_segmenter models": 14,
    "all_segmenter_labels": 0,  # no network is trained on them here
    "all_predict predictions": 18,
    "all_evaluate evaluations": 22,
    "all_report report": 23,
    "--until=cams": 5,
    "--until=train_segmenter": 14,
}


@pytest.mark.parametrize("targets", BRANCHED)
def test_of_variants_and_seeds(project: Project, targets: str):
    assert len(project.would_write(*targets.split(), project.config(data=DATA, **VARIANTS))) == BRANCHED[targets]


def test_every_stage_has_a_target_that_no_wildcard_spoils(project: Project):
    names = project.snakemake("--list-target-rules", project.config(data=DATA, **VARIANTS)).stdout.split()
    assert {f"all_{stage}" for stage in STAGES} <= set(names)
    assert "cams" not in names


def test_labels_of_self_training_are_labels(project: Project):
    labels = {"label_sets": ["seeds_self", "masks"]}
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


def test_the_study_of_the_demo_lies_over_its_config(project: Project):
    preset = "wsss/workflow/presets/study_demo.yaml"
    text = project.snakemake("-n", "--configfile", "config.yaml", preset).stdout
    for seed in range(3):
        assert f"results/study_demo/both/seed{seed}/auxsegnet/round2/labels.h5" in text
        assert f"results/study_demo/cross_entropy/seed{seed}/aalr/model.ckpt" in text


@pytest.mark.parametrize(
    "name",
    [
        *("voc12_2007", "study_auxsegnet_voc12_2007", "study_aalr_voc12_2007", "custom"),
        *("voc12", "voc12_auxsegnet", "voc12_aalr", "coco14_auxsegnet"),
    ],
)
def test_presets_ask_for_their_data_and_nothing_else(project: Project, name: str):
    preset = f"wsss/workflow/presets/{name}.yaml"
    line = project.error_line("-n", f"--configfile={preset}")
    missing = r".*: no such folder; correct `data\.root`(, or download .*)?"
    assert re.fullmatch(rf"error: {re.escape(preset)}: {missing}", line)


def test_jobs_can_be_grouped(plain: Project):
    """On a cluster, short jobs go to a node together: resources that are texts would differ between them."""
    options = ("--groups", "cams=short", "seed_labels=short", "--group-components", "short=1", "--cores", "2")
    plain.snakemake("--configfile", "config.yaml", *options, "--", "all_seed_labels")
    assert list((plain.folder / "results").rglob("labels.h5"))
