"""Which artifacts the label sets lead to that a config names."""

from __future__ import annotations

import json

from tests.plan.made import ROUNDS, paths, plan
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan


def made_of(found: Plan, artifact: Artifact) -> dict[str, str]:
    """Paths of the artifacts that an artifact is made from, by the names of the inputs."""
    return {name: found.path(item).removeprefix("results/x/") for name, item in found.inputs(artifact).items()}


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


# -- refined label sets ------------------------------------------------------------------------------------------------


def test_a_refined_label_set_is_made_on_the_way_to_its_network():
    found = plan(train_segmenter={"label_sets": ["seeds_refined"]})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "refine_labels") == ["refined/seeds/labels.h5"]
    assert paths(found, "train_segmenter") == ["segmenter/seeds_refined/model.ckpt"]
    assert paths(found, "predict") == ["predictions/val/segmenter_seeds_refined--single.h5"]
    assert list(found.used("labels", "", 0)) == ["seeds", "seeds_refined"]
    refined = Artifact("refine_labels", label_set="seeds")
    assert made_of(found, refined) == {"index": "index.h5", "labels": "auxsegnet/round0/labels.h5"}
    network = Artifact("train_segmenter", label_set="seeds_refined")
    assert made_of(found, network) == {"index": "index.h5", "labels": "refined/seeds/labels.h5"}
    predicted = Artifact("predict", model="segmenter_seeds_refined", split="val", protocol="single")
    assert made_of(found, predicted)["model"] == "segmenter/seeds_refined/model.ckpt"


def test_the_alias_of_the_last_round_may_be_refined():
    found = plan(**ROUNDS, train_segmenter={"label_sets": ["auxsegnet_refined"]})
    assert paths(found, "refine_labels") == ["refined/auxsegnet_round2/labels.h5"]
    assert paths(found, "train_segmenter") == ["segmenter/auxsegnet_round2_refined/model.ckpt"]
    assert made_of(found, Artifact("refine_labels", label_set="auxsegnet_round2")) == {
        "index": "index.h5",
        "labels": "auxsegnet/round2/labels.h5",
    }
    # the networks of the rounds stand beside it, before the network on the last labels
    models = ("auxsegnet_round0", "auxsegnet_round1", "segmenter_auxsegnet_round2_refined")
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in models]
    by_hand = plan(**ROUNDS, train_segmenter={"label_sets": []}, refine_labels={"label_sets": ["auxsegnet"]})
    assert paths(by_hand, "refine_labels") == ["refined/auxsegnet_round2/labels.h5"]


def test_self_training_goes_on_from_refined_labels():
    found = plan(train_segmenter={"label_sets": ["seeds_refined_self"]})
    assert paths(found, "refine_labels") == ["refined/seeds/labels.h5"]
    assert paths(found, "train_segmenter") == [
        "segmenter/seeds_refined/model.ckpt",
        "segmenter/seeds_refined_self/model.ckpt",
    ]
    assert paths(found, "segmenter_labels") == ["segmenter/seeds_refined/labels.h5"]
    assert paths(found, "predict") == ["predictions/val/segmenter_seeds_refined_self--single.h5"]
    assert list(found.used("labels", "", 0)) == ["seeds", "seeds_refined_self", "seeds_refined"]
    labels = made_of(found, Artifact("segmenter_labels", label_set="seeds_refined"))
    assert labels["segmenter"] == "segmenter/seeds_refined/model.ckpt"
    network = made_of(found, Artifact("train_segmenter", label_set="seeds_refined_self"))
    assert network["labels"] == "segmenter/seeds_refined/labels.h5"


def test_self_labels_may_be_refined_in_their_turn():
    found = plan(train_segmenter={"label_sets": []}, refine_labels={"label_sets": ["seeds_self"]})
    assert paths(found, "refine_labels") == ["refined/seeds_self/labels.h5"]
    assert paths(found, "train_segmenter") == ["segmenter/seeds/model.ckpt"]
    refined = made_of(found, Artifact("refine_labels", label_set="seeds_self"))
    assert refined["labels"] == "segmenter/seeds/labels.h5"
    # the network is only on the way; nobody asked for its predictions
    assert paths(found, "predict") == []


def test_labels_can_be_refined_though_no_network_learns_from_them():
    found = plan(methods=["aalr"], train_segmenter={"label_sets": []}, refine_labels={"label_sets": ["aalr"]})
    assert paths(found, "refine_labels") == ["refined/aalr/labels.h5"]
    assert paths(found, "train_segmenter") == []
    assert paths(found, "seed_labels") == []
    assert made_of(found, Artifact("refine_labels", label_set="aalr"))["labels"] == "aalr/labels.h5"
    assert list(found.used("labels", "", 0)) == ["aalr", "aalr_refined"]
    assert paths(found, "predict") == ["predictions/val/aalr--single.h5"]


def test_what_else_is_refined_changes_no_refined_labels():
    refined = Artifact("refine_labels", label_set="seeds")
    alone = plan(train_segmenter={"label_sets": ["seeds_refined"]})
    more = plan(
        train_segmenter={"label_sets": ["seeds_refined"]}, refine_labels={"label_sets": ["seeds", "seeds_self"]}
    )
    assert alone.settings(refined) == more.settings(refined)
    assert json.loads(more.settings(refined).canonical_json())["label_sets"] == []
    assert alone._lineage(refined) == more._lineage(refined)
    other = plan(train_segmenter={"label_sets": ["seeds_refined"]}, refine_labels={"refinement": "par"})
    assert alone._lineage(refined) != other._lineage(refined)


def test_variants_share_refined_labels_whoever_else_is_refined():
    networks = {"train_segmenter": {"label_sets": ["seeds_refined"]}}
    found = plan(
        **networks,
        variants={
            "one": {},
            "more": {"refine_labels": {"label_sets": ["seeds_self"]}},
            "other": {"refine_labels": {"trust": 0.8}},
        },
    )
    assert paths(found, "refine_labels") == [
        "one/seed0/refined/seeds/labels.h5",
        "more/seed0/refined/seeds_self/labels.h5",
        "other/seed0/refined/seeds/labels.h5",
    ]
    assert paths(found, "train_segmenter") == [
        "one/seed0/segmenter/seeds_refined/model.ckpt",
        "more/seed0/segmenter/seeds/model.ckpt",
        "other/seed0/segmenter/seeds_refined/model.ckpt",
    ]
