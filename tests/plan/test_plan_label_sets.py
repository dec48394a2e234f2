"""Which artifacts the label sets lead to that a config names."""

from __future__ import annotations

from tests.plan.made import paths, plan
from wsss.pipeline.artifact import Artifact


def test_networks_are_shared_by_label_set():
    found = plan(
        variants={
            "seeds": {"train_segmenter": {"label_sets": ["seeds"]}},
            "both": {"train_segmenter": {"label_sets": ["seeds", "masks"]}},
            "masks": {"train_segmenter": {"label_sets": ["masks"]}, "seed_labels": {"cam_threshold": 0.4}},
        }
    )
    assert paths(found, "train_segmenter") == [
        "seeds/seed0/segmenter/seeds/model.ckpt",
        "both/seed0/segmenter/masks/model.ckpt",
    ]
    # masks do not come from CAMs: neither other labels nor a network without them need any
    assert paths(found, "seed_labels") == ["seeds/seed0/auxsegnet/round0/labels.h5"]
    assert found.used("cams", "masks", 0) == {}
    assert list(found.inputs(Artifact("train_segmenter", "masks", 0, "masks"))) == ["index"]


def test_self_training_brings_the_networks_that_it_is_made_from():
    found = plan(train_segmenter={"label_sets": ["seeds_self_self"]})
    assert paths(found, "train_segmenter") == [
        f"segmenter/{name}/model.ckpt" for name in ("seeds", "seeds_self", "seeds_self_self")
    ]
    assert paths(found, "segmenter_labels") == ["segmenter/seeds/labels.h5", "segmenter/seeds_self/labels.h5"]
    assert paths(found, "predict") == ["predictions/val/segmenter_seeds_self_self--single.h5"]
    assert list(found.used("labels", "", 0)) == ["seeds", "seeds_self", "seeds_self_self"]
    labels = found.inputs(Artifact("train_segmenter", "", 0, "seeds_self"))["labels"]
    assert found.path(labels) == "results/x/segmenter/seeds/labels.h5"


def test_without_label_sets_the_seeds_are_still_made():
    found = plan(train_segmenter={"label_sets": []})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "train_segmenter") == paths(found, "predict") == []
