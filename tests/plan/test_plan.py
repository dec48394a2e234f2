"""Which artifacts a config leads to, and who owns what variants share."""

from __future__ import annotations

import json

import pytest

from tests.plan.made import paths, plan
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact

STAGES_OF_A_PLAIN_RUN = {
    "index": "index.h5",
    "saliency": "saliency.h5",
    "train_classifier": "classifier/model.ckpt",
    "cams": "cams.h5",
    "seed_labels": "auxsegnet/round0/labels.h5",
    "train_segmenter": "segmenter/seeds/model.ckpt",
    "predict": "predictions/val/segmenter_seeds--single.h5",
    "evaluate": "evaluation/metrics.json",
    "report": "report.html",
}


def test_a_plain_run_has_no_branches():
    found = plan()
    assert found.plain
    assert {stage: paths(found, stage) for stage in STAGES_OF_A_PLAIN_RUN} == {
        stage: [path] for stage, path in STAGES_OF_A_PLAIN_RUN.items()
    }
    assert paths(found, "segmenter_labels") == []
    assert "{" not in found.pattern("train_classifier")
    assert found.pattern("predict") == "results/x/predictions/{split}/{model}--{protocol}.h5"
    assert found.record("logs", "predict", "log") == "results/x/logs/predict-{split}-{model}-{protocol}.log"


def test_several_seeds_make_branches_of_an_unnamed_variant():
    found = plan(seeds=[0, 3])
    assert paths(found, "cams") == ["base/seed0/cams.h5", "base/seed3/cams.h5"]
    assert paths(found, "saliency") == ["saliency.h5"]
    assert found.pattern("cams") == "results/x/{variant}/seed{seed}/cams.h5"
    assert found.record("logs", "cams", "log") == "results/x/logs/{variant}/seed{seed}/cams.log"
    assert found.record("logs", "index", "log") == "results/x/logs/index.log"
    classifier = found.inputs(Artifact("cams", "base", 3))["classifier"]
    assert found.path(classifier) == "results/x/base/seed3/classifier/model.ckpt"


def test_a_variant_shares_what_lies_above_its_first_difference():
    found = plan(variants={"a": {}, "b": {"seed_labels": {"cam_threshold": 0.3}}, "c": None})
    assert paths(found, "cams") == ["a/seed0/cams.h5"]
    assert paths(found, "seed_labels") == ["a/seed0/auxsegnet/round0/labels.h5", "b/seed0/auxsegnet/round0/labels.h5"]
    assert paths(found, "train_segmenter", variant="b") == ["b/seed0/segmenter/seeds/model.ckpt"]
    assert paths(found, "train_segmenter", variant="c") == ["a/seed0/segmenter/seeds/model.ckpt"]
    assert found.path(found.inputs(Artifact("seed_labels", "b", 0))["cams"]) == "results/x/a/seed0/cams.h5"


def test_every_branch_is_evaluated_over_what_it_uses():
    found = plan(variants={"a": {}, "b": {"predict": {"protocols": {"flip": {"flip": True}}}}}, seeds=[0, 1])
    assert len(paths(found, "evaluate")) == 4
    used = found.used("predictions", "b", 1)
    assert list(used) == ["val/segmenter_seeds--single", "val/segmenter_seeds--flip"]
    assert [artifact.variant for artifact in used.values()] == ["a", "b"]
    assert found.path(found.used("labels", "b", 1)["seeds"]) == "results/x/a/seed1/auxsegnet/round0/labels.h5"


def test_equal_stages_on_different_inputs_are_not_shared():
    found = plan(variants={"a": {}, "b": {"train_classifier": {"epochs": 3}}})
    for stage in ("train_classifier", "cams", "seed_labels", "train_segmenter", "predict"):
        assert len(paths(found, stage)) == 2, stage


def test_saliency_is_left_out_where_nothing_uses_it():
    rule = {"rule": "background_threshold"}
    assert paths(plan(seed_labels=rule), "saliency") == []
    assert "saliency" not in plan(seed_labels=rule).inputs(Artifact("seed_labels"))
    labels = {"label_sets": ["seeds_self"]}
    assert paths(plan(seed_labels=rule, train_segmenter=labels), "saliency") == ["saliency.h5"]
    unmasked = {"saliency_threshold": None}
    assert paths(plan(seed_labels=rule, train_segmenter=labels, segmenter_labels=unmasked), "saliency") == []


def test_settings_are_narrowed_to_the_artifact():
    one = plan(train_segmenter={"label_sets": ["seeds"]})
    two = plan(train_segmenter={"label_sets": ["seeds", "masks"]}, predict={"protocols": {"flip": {"flip": True}}})
    network = Artifact("train_segmenter", label_set="seeds")
    assert one.settings(network) == two.settings(network)
    assert json.loads(one.settings(network).canonical_json())["label_sets"] == ["seeds"]
    asked = two.settings(Artifact("predict", model="segmenter_seeds", split="val", protocol="flip"))
    assert json.loads(asked.canonical_json()) == {
        "scales": [1.0],
        "flip": True,
        "combine": "mean",
        "tiles": None,
        "crf": None,
    }


def test_wildcards_know_every_name():
    protocols = {"protocols": {"a+b": {}}}
    found = plan(train_segmenter={"label_sets": ["masks"]}, predict=protocols, seeds=[0, 1]).wildcards()
    assert found["label_set"] == "masks"
    assert found["protocol"] == r"a\+b"
    assert found["seed"] == "0|1"
    assert plan(train_segmenter={"label_sets": []}).wildcards()["label_set"] == "(?!)"


@pytest.mark.parametrize("name", ["a/b", "a--b", "", ".hidden", "a b"])
def test_a_protocol_that_cannot_be_a_file_name_is_refused(name: str):
    with pytest.raises(InputError, match="a protocol's name may hold only"):
        plan(predict={"protocols": {name: {}}})


def test_a_variant_that_is_a_folder_of_the_run_is_refused():
    with pytest.raises(InputError, match=r"`variants\.logs`: the run has a folder of this name"):
        plan(variants={"a": {}, "logs": {}})


def test_an_override_that_is_no_setting_is_refused():
    with pytest.raises(InputError, match=r"variants\.b\.seed_labels\.cam_treshold.*did you mean `cam_threshold`"):
        plan(variants={"a": {}, "b": {"seed_labels": {"cam_treshold": 0.3}}})


CHOSEN = {"name": "resnet50", "output_stride": 8, "frozen_stages": 1}


def test_no_lineage_knows_a_backbone_that_no_stage_has():
    own = {"backbone": {"name": "resnet50", "output_stride": 16, "frozen_stages": 2, "freeze_batch_norm": True}}
    weights = {"backbone": {**own["backbone"], "weights": "none"}}
    stages = {"train_classifier": weights, "train_segmenter": weights, "train_aalr": weights, "train_auxsegnet": own}
    one, two = (plan(backbone=top, **stages) for top in ({}, CHOSEN))
    artifact = Artifact("predict", model="segmenter_seeds", split="val", protocol="single")
    assert one._lineage(artifact) == two._lineage(artifact)
