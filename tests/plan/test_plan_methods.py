"""Which artifacts the methods lead to."""

from __future__ import annotations

import json

from tests.plan.made import LABELS_OF_ROUNDS, ROUNDS, paths, plan
from wsss.pipeline.artifact import Artifact


def test_rounds_are_unrolled():
    found = plan(**ROUNDS, train_segmenter={"label_sets": ["seeds", "auxsegnet"]})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "train_auxsegnet") == ["auxsegnet/round0/model.ckpt", "auxsegnet/round1/model.ckpt"]
    assert paths(found, "update_labels") == LABELS_OF_ROUNDS
    assert paths(found, "train_segmenter") == [
        "segmenter/seeds/model.ckpt",
        "segmenter/auxsegnet_round2/model.ckpt",
    ]
    models = ("segmenter_seeds", "auxsegnet_round0", "auxsegnet_round1", "segmenter_auxsegnet_round2")
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in models]
    assert list(found.used("labels", "", 0)) == ["seeds", "auxsegnet_round1", "auxsegnet_round2"]
    assert found.record("logs", "update_labels", "log") == "results/x/logs/update_labels-{round}.log"


def test_aalr_alone_needs_nothing_of_the_seeds():
    found = plan(methods=["aalr"], train_segmenter={"label_sets": ["aalr"]})
    for stage in ("train_classifier", "cams", "saliency", "seed_labels", "train_auxsegnet"):
        assert paths(found, stage) == []
    assert paths(found, "train_aalr") == ["aalr/model.ckpt"]
    assert paths(found, "aalr_labels") == ["aalr/labels.h5"]
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in ("aalr", "segmenter_aalr")]
    assert list(found.used("labels", "", 0)) == ["aalr"]
    assert list(found.inputs(Artifact("train_aalr"))) == ["index"]
    labels = found.inputs(Artifact("train_segmenter", label_set="aalr"))["labels"]
    assert found.path(labels) == "results/x/aalr/labels.h5"
    predicted = Artifact("predict", model="aalr", split="val", protocol="single")
    assert found.path(found.inputs(predicted)["model"]) == "results/x/aalr/model.ckpt"
    assert paths(plan(methods=["aalr"], train_segmenter={"label_sets": []}), "train_classifier") == []


def test_aalr_on_the_classifier_needs_no_seeds():
    found = plan(methods=["aalr"], train_aalr={"start": "classifier"}, train_segmenter={"label_sets": ["aalr"]})
    assert paths(found, "train_classifier") == ["classifier/model.ckpt"]
    assert paths(found, "cams") == []
    assert found.path(found.inputs(Artifact("train_aalr"))["classifier"]) == "results/x/classifier/model.ckpt"


def test_aalr_on_stored_cams_reads_them():
    found = plan(methods=["aalr"], train_aalr={"mask_source": "cams"}, train_segmenter={"label_sets": []})
    assert paths(found, "cams") == ["cams.h5"]
    assert paths(found, "seed_labels") == []
    assert list(found.inputs(Artifact("train_aalr"))) == ["index", "cams"]


def test_both_methods_share_their_stages():
    methods = {"methods": ["auxsegnet", "aalr"], "auxsegnet": {"rounds": 1}, "train_aalr": {"start": "classifier"}}
    found = plan(**methods, train_segmenter={"label_sets": ["seeds", "auxsegnet", "aalr", "aalr_self"]})
    assert paths(found, "train_classifier") == ["classifier/model.ckpt"]
    assert list(found.used("labels", "", 0)) == ["seeds", "auxsegnet_round1", "aalr", "aalr_self"]
    models = ("segmenter_seeds", "auxsegnet_round0", "segmenter_auxsegnet_round1")
    models += ("aalr", "segmenter_aalr", "segmenter_aalr_self")
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in models]


def test_variants_of_aalr_share_the_classifier():
    off = {"train_aalr": {"adaptive_affinity": {"weight": 0}}}
    found = plan(methods=["aalr"], train_aalr={"start": "classifier"}, variants={"on": {}, "off": off})
    assert paths(found, "train_classifier") == ["on/seed0/classifier/model.ckpt"]
    assert paths(found, "train_aalr") == ["on/seed0/aalr/model.ckpt", "off/seed0/aalr/model.ckpt"]
    assert found.inputs(Artifact("train_aalr", "off", 0))["classifier"].variant == "on"


def test_a_round_is_made_of_the_round_before():
    found = plan(**ROUNDS)

    def inputs(stage: str, number: int) -> dict[str, str]:
        made_of = found.inputs(Artifact(stage, round=number))
        return {name: found.path(item).removeprefix("results/x/") for name, item in made_of.items()}

    assert inputs("train_auxsegnet", 0) == {
        "index": "index.h5",
        "labels": "auxsegnet/round0/labels.h5",
        "weights": "classifier/model.ckpt",
    }
    assert inputs("update_labels", 1) == {
        "index": "index.h5",
        "model": "auxsegnet/round0/model.ckpt",
        "saliency": "saliency.h5",
    }
    assert inputs("train_auxsegnet", 1) == {
        "index": "index.h5",
        "labels": "auxsegnet/round1/labels.h5",
        "weights": "auxsegnet/round0/model.ckpt",
    }
    predicted = Artifact("predict", model="auxsegnet_round1", split="val", protocol="single")
    assert found.path(found.inputs(predicted)["model"]) == "results/x/auxsegnet/round1/model.ckpt"


def test_rounds_that_start_from_the_backbone_read_no_classifier_but_for_their_seeds():
    found = plan(**ROUNDS, train_auxsegnet={"start": "backbone"})
    assert list(found.inputs(Artifact("train_auxsegnet", round=0))) == ["index", "labels"]
    later = found.inputs(Artifact("train_auxsegnet", round=1))
    assert found.path(later["weights"]) == "results/x/auxsegnet/round0/model.ckpt"
    assert paths(found, "train_classifier") == ["classifier/model.ckpt"]


def test_how_many_rounds_there_are_changes_no_round():
    two, three = plan(**ROUNDS), plan(**{**ROUNDS, "auxsegnet": {"rounds": 3, "predict": "last"}})
    for stage in ("train_auxsegnet", "update_labels"):
        shared = Artifact(stage, round=1)
        assert two.settings(shared) == three.settings(shared)
        assert "rounds" not in json.loads(two.settings(shared).canonical_json())
    assert paths(three, "predict") == [
        "predictions/val/segmenter_seeds--single.h5",
        "predictions/val/auxsegnet_round2--single.h5",
    ]


def test_without_the_last_labels_the_names_count_from_those_before():
    rounds = {"rounds": 2, "last_labels": False}
    found = plan(methods=["auxsegnet"], auxsegnet=rounds, train_segmenter={"label_sets": ["auxsegnet_self"]})
    assert paths(found, "update_labels") == LABELS_OF_ROUNDS[:1]
    assert paths(found, "segmenter_labels") == ["segmenter/auxsegnet_round1/labels.h5"]
    assert list(found.used("labels", "", 0)) == ["seeds", "auxsegnet_round1", "auxsegnet_round1_self"]


def test_the_last_round_s_labels_are_one_label_set_under_both_names():
    found = plan(**ROUNDS, train_segmenter={"label_sets": ["auxsegnet", "auxsegnet_round2"]})
    assert paths(found, "train_segmenter") == ["segmenter/auxsegnet_round2/model.ckpt"]


def test_variants_share_the_rounds_that_they_have_in_common():
    variants = {
        "plain": {"methods": []},
        "two": {},
        "three": {"auxsegnet": {"rounds": 3}},
        "other": {"update_labels": {"cam_threshold": 0.4}, "auxsegnet": {"rounds": 1}},
    }
    found = plan(**ROUNDS, variants=variants)
    assert paths(found, "train_auxsegnet") == [
        *(f"two/seed0/auxsegnet/round{number}/model.ckpt" for number in (0, 1)),
        "three/seed0/auxsegnet/round2/model.ckpt",
    ]
    assert paths(found, "update_labels") == [
        *(f"two/seed0/{path}" for path in LABELS_OF_ROUNDS),
        "three/seed0/auxsegnet/round3/labels.h5",
        "other/seed0/auxsegnet/round1/labels.h5",
    ]
    # the classifier and the seeds are the first variant's, though it has no rounds
    weights = found.inputs(Artifact("train_auxsegnet", "two", 0))
    assert {name: item.variant for name, item in weights.items() if name != "index"} == {
        "labels": "plain",
        "weights": "plain",
    }


def test_rounds_bring_their_seeds_and_saliency_though_no_segmenter_asks():
    found = plan(**ROUNDS, train_segmenter={"label_sets": []}, seed_labels={"rule": "background_threshold"})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "saliency") == ["saliency.h5"]
    assert paths(found, "predict") == [f"predictions/val/auxsegnet_round{n}--single.h5" for n in (0, 1)]
