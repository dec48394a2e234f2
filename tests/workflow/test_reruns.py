"""After a finished run: what a change runs again, and what it leaves alone."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.workflow.conftest import DATA, ROUNDS, VARIANTS, Project

REPORT = {"evaluation/metrics.json", "report.html"}
PREDICTIONS = {"predictions/val/segmenter_seeds--single.h5"} | REPORT
NETWORK = {"segmenter/seeds/model.ckpt"} | PREDICTIONS
LABELS = {"auxsegnet/round0/labels.h5"} | NETWORK
CLASSIFIER = {"classifier/model.ckpt", "cams.h5"} | LABELS
EVERYTHING = {"index.h5", "saliency.h5"} | CLASSIFIER

SETTINGS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "a threshold": ({"seed_labels": {"cam_threshold": 0.3}}, LABELS),
    "saliency": ({"saliency": {"segments": 50}}, {"saliency.h5"} | LABELS),
    "the classifier": ({"train_classifier": {"epochs": 3}}, CLASSIFIER),
    "the network": ({"train_segmenter": {"epochs": 3}}, NETWORK),
    "the data": ({"data": {**DATA, "max_side": 512}}, EVERYTHING),
    "the sweep": ({"evaluate": {"sweep": False}}, REPORT),
    "the report": ({"report": {"samples": 3}}, {"report.html"}),
    "one more label set": (
        {"train_segmenter": {"label_sets": ["seeds", "masks"]}},
        {"segmenter/masks/model.ckpt", "predictions/val/segmenter_masks--single.h5"} | REPORT,
    ),
    "one more protocol": (
        {"predict": {"protocols": {"single": {}, "flip": {"flip": True}}}},
        {"predictions/val/segmenter_seeds--flip.h5"} | REPORT,
    ),
    "self-training": (
        {"train_segmenter": {"label_sets": ["seeds", "seeds_self"]}},
        {"segmenter/seeds/labels.h5", "segmenter/seeds_self/model.ckpt"}
        | {"predictions/val/segmenter_seeds_self--single.h5"}
        | REPORT,
    ),
    "the machine": (
        {"runtime": {"device": "cpu", "workers": 0, "batch_size": 1, "devices": 2, "shards": 3}},
        set(),
    ),
}


@pytest.mark.parametrize("change", SETTINGS)
def test_a_changed_setting_runs_what_depends_on_it(plain: Project, change: str):
    sections, expected = SETTINGS[change]
    cores = ["--cores=1"] if change == "the machine" else []
    assert plain.would_write(plain.config(**{"data": DATA, **sections}), *cores) == expected


CODE = {
    "a comment": ("wsss/stages/seed_labels.py", "def seed_labels(", "# why\ndef seed_labels(", set()),
    "seed labels": (
        "wsss/stages/seed_labels.py",
        "import annotations\n",
        "import annotations\n\nCHANGED = 1\n",
        LABELS,
    ),
    "the trainer": ("wsss/training/schedule.py", "def ", "CHANGED = 1\n\n\ndef ", CLASSIFIER),
    "the command line": ("wsss/cli/app.py", "app = ", "CHANGED = 1\napp = ", set()),
}


@pytest.mark.parametrize("change", CODE)
def test_changed_code_runs_the_stages_that_use_it(plain: Project, change: str):
    path, old, new, expected = CODE[change]
    plain.edit(path, old, new)
    assert plain.would_write(plain.config(data=DATA)) == expected


def test_changed_code_can_be_let_pass(plain: Project):
    plain.edit("wsss/stages/seed_labels.py", "import annotations\n", "import annotations\n\nCHANGED = 1\n")
    assert plain.would_write(plain.config(data=DATA, rerun_on_code_change=False)) == set()
    changed = {"report": {"samples": 3}}
    assert plain.would_write(plain.config(data=DATA, rerun_on_code_change=False, **changed)) == {"report.html"}


def test_a_replaced_photograph_is_seen(plain: Project):
    os.utime(plain.folder / "photos" / "img 0.jpg", (1, 1))
    assert plain.would_write(plain.config(data=DATA)) == EVERYTHING


def test_a_changed_table_is_seen_and_a_touched_one_is_not(plain: Project):
    table = plain.folder / "photos" / "labels.csv"
    content = table.read_bytes()
    table.write_bytes(content)  # a new time, the old content
    assert plain.would_write(plain.config(data=DATA)) == set()
    table.write_bytes(content.replace(b"bird", b"bird;aeroplane", 1))
    assert plain.would_write(plain.config(data=DATA)) == EVERYTHING


BRANCHES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "one more seed": (
        {"seeds": [0, 1, 2]},
        {f"a/seed2/{path}" for path in CLASSIFIER - {"report.html"}}
        | {f"b/seed2/{path}" for path in LABELS - {"report.html"}}
        | {"report.html"},
    ),
    "one more variant": (
        {"variants": {**VARIANTS["variants"], "c": {"train_segmenter": {"epochs": 2}}}},
        {f"c/seed{seed}/{path}" for seed in (0, 1) for path in NETWORK - {"report.html"}} | {"report.html"},
    ),
    "one more variant that is an earlier one": (
        {"variants": {**VARIANTS["variants"], "c": {"seed_labels": {"cam_threshold": 0.3}}}},
        {f"c/seed{seed}/evaluation/metrics.json" for seed in (0, 1)} | {"report.html"},
    ),
    "a threshold of the second variant": (
        {"variants": {"a": {}, "b": {"seed_labels": {"cam_threshold": 0.4}}}},
        {f"b/seed{seed}/{path}" for seed in (0, 1) for path in LABELS - {"report.html"}} | {"report.html"},
    ),
}


@pytest.mark.parametrize("change", BRANCHES)
def test_variants_and_seeds_share_what_they_have_in_common(variants: Project, change: str):
    sections, expected = BRANCHES[change]
    assert variants.would_write(variants.config(**{"data": DATA, **VARIANTS, **sections})) == expected


def test_a_shared_stage_leaves_no_file_in_the_variant_that_shares_it(variants: Project):
    found = {path.relative_to(variants.folder / "results/my").as_posix() for path in variants.folder.rglob("*.ckpt")}
    assert found == {
        *(f"a/seed{seed}/{name}/model.ckpt" for seed in (0, 1) for name in ("classifier", "segmenter/seeds")),
        *(f"b/seed{seed}/segmenter/seeds/model.ckpt" for seed in (0, 1)),
    }
    evaluation = (variants.folder / "results/my/b/seed1/evaluation/metrics.json").read_text()
    assert "results/my/a/seed1/cams.h5" in evaluation
    assert "results/my/b/seed1/auxsegnet/round0/labels.h5" in evaluation


LAST = {
    "segmenter/auxsegnet_round2/model.ckpt",
    "predictions/val/segmenter_auxsegnet_round2--single.h5",
    *REPORT,
}
FROM_LABELS_1 = {
    *("auxsegnet/round1/labels.h5", "auxsegnet/round1/model.ckpt", "auxsegnet/round2/labels.h5"),
    "predictions/val/auxsegnet_round1--single.h5",
    *LAST,
}
FROM_ROUND_0 = {"auxsegnet/round0/model.ckpt", "predictions/val/auxsegnet_round0--single.h5", *FROM_LABELS_1}

OF_ROUNDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "one more round": (
        {"auxsegnet": {"rounds": 3}},
        {
            *("auxsegnet/round2/model.ckpt", "auxsegnet/round3/labels.h5"),
            "predictions/val/auxsegnet_round2--single.h5",
            *("segmenter/auxsegnet_round3/model.ckpt", "predictions/val/segmenter_auxsegnet_round3--single.h5"),
            *REPORT,
        },
    ),
    "one round less": (
        {"auxsegnet": {"rounds": 1}},
        {
            *("segmenter/auxsegnet_round1/model.ckpt", "predictions/val/segmenter_auxsegnet_round1--single.h5"),
            *REPORT,
        },
    ),
    "whose prediction is evaluated": ({"auxsegnet": {"rounds": 2, "predict": "last"}}, REPORT),
    "a threshold of the update": ({"update_labels": {"cam_threshold": 0.3}}, FROM_LABELS_1),
    "the network": ({"train_auxsegnet": {"network": {"unary_affinity": False}}}, FROM_ROUND_0),
    "a threshold of the seeds": (
        {"seed_labels": {"cam_threshold": 0.3}},
        {*LABELS, *FROM_ROUND_0},
    ),
}


@pytest.mark.parametrize("change", OF_ROUNDS)
def test_rounds_run_again_from_what_has_changed(rounds: Project, change: str):
    sections, expected = OF_ROUNDS[change]
    assert rounds.would_write(rounds.config(**{"data": DATA, **ROUNDS, **sections})) == expected


def test_changed_code_of_the_update_leaves_round_0_alone(rounds: Project):
    rounds.edit("wsss/stages/update_labels.py", "import annotations\n", "import annotations\n\nCHANGED = 1\n")
    assert rounds.would_write(rounds.config(data=DATA, **ROUNDS)) == FROM_LABELS_1
