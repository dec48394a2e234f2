"""The artifacts that an artifact is made from, and the stages that may have written them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from wsss.config import SeedLabels, SegmenterLabels
from wsss.config.aalr import TrainAalr
from wsss.config.rounds import TrainAuxsegnet
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.inputs import in_branch, inputs_of, makers_of
from wsss.pipeline.stages import STAGES

INDEX, SALIENCY = Artifact("index"), Artifact("saliency")
LABELS = ("seed_labels", "update_labels", "aalr_labels", "segmenter_labels", "refine_labels")


def test_inputs_lie_in_the_branch_but_what_exists_once_per_run_does_not():
    assert inputs_of(Artifact("seed_labels", "low", 3)) == {
        "index": INDEX,
        "cams": Artifact("cams", "low", 3),
        "saliency": SALIENCY,
    }
    assert in_branch(Artifact("cams", "low", 3)) == Artifact("cams", "low", 3)
    assert in_branch(Artifact("saliency", "low", 3)) == SALIENCY


def test_the_first_round_is_made_of_other_stages_than_the_next():
    assert inputs_of(Artifact("train_auxsegnet", "low", 3, round=0)) == {
        "index": INDEX,
        "labels": Artifact("seed_labels", "low", 3),
        "weights": Artifact("train_classifier", "low", 3),
    }
    assert inputs_of(Artifact("train_auxsegnet", "low", 3, round=2)) == {
        "index": INDEX,
        "labels": Artifact("update_labels", "low", 3, round=2),
        "weights": Artifact("train_auxsegnet", "low", 3, round=1),
    }
    assert inputs_of(Artifact("update_labels", round=2)) == {
        "index": INDEX,
        "model": Artifact("train_auxsegnet", round=1),
        "saliency": SALIENCY,
    }


@pytest.mark.parametrize("stage", ["train_segmenter", "refine_labels"])
def test_labels_are_those_that_the_artifact_names(stage: str):
    def labels(name: str) -> Artifact | None:
        return inputs_of(Artifact(stage, "low", 3, label_set=name)).get("labels")

    assert labels("aalr") == Artifact("aalr_labels", "low", 3)
    assert labels("seeds_refined") == Artifact("refine_labels", "low", 3, label_set="seeds")
    assert labels("seeds_refined_self") == Artifact("segmenter_labels", "low", 3, label_set="seeds_refined")
    # the true masks are no artifact
    assert labels("masks") is None


def test_self_labels_come_of_the_network_that_learned_from_the_same_labels():
    assert inputs_of(Artifact("segmenter_labels", "low", 3, label_set="seeds_self")) == {
        "index": INDEX,
        "segmenter": Artifact("train_segmenter", "low", 3, label_set="seeds_self"),
        "saliency": SALIENCY,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aalr", Artifact("train_aalr", "low", 3)),
        ("auxsegnet_round1", Artifact("train_auxsegnet", "low", 3, round=1)),
        ("segmenter_seeds_refined", Artifact("train_segmenter", "low", 3, label_set="seeds_refined")),
    ],
)
def test_predictions_come_of_the_network_that_they_name(name: str, expected: Artifact):
    predicted = Artifact("predict", "low", 3, model=name, split="val", protocol="single")
    assert inputs_of(predicted) == {"index": INDEX, "model": expected}


def test_inputs_that_the_settings_do_not_use_are_left_out():
    def names(stage: str, settings: object) -> list[str]:
        return list(inputs_of(Artifact(stage, label_set="seeds"), settings))

    assert names("seed_labels", SeedLabels()) == ["index", "cams", "saliency"]
    assert names("seed_labels", SeedLabels(rule="background_threshold")) == ["index", "cams"]
    assert names("segmenter_labels", SegmenterLabels()) == ["index", "segmenter", "saliency"]
    assert names("segmenter_labels", SegmenterLabels(saliency_threshold=None)) == ["index", "segmenter"]
    assert names("train_auxsegnet", TrainAuxsegnet()) == ["index", "labels", "weights"]
    assert names("train_auxsegnet", TrainAuxsegnet(start="backbone")) == ["index", "labels"]
    later = inputs_of(Artifact("train_auxsegnet", round=1), TrainAuxsegnet(start="backbone"))
    assert later["weights"] == Artifact("train_auxsegnet", round=0)
    assert names("train_aalr", TrainAalr()) == ["index"]
    assert names("train_aalr", SimpleNamespace(start="classifier", mask_source="network")) == ["index", "classifier"]
    assert names("train_aalr", TrainAalr(start="classifier", mask_source="cams")) == ["index", "classifier", "cams"]


@pytest.mark.parametrize(
    ("stage", "name", "makers"),
    [
        ("cams", "index", ("index",)),
        ("cams", "classifier", ("train_classifier",)),
        ("train_segmenter", "labels", LABELS),
        ("refine_labels", "labels", LABELS),
        ("train_auxsegnet", "labels", ("seed_labels", "update_labels")),
        ("train_auxsegnet", "weights", ("train_classifier", "train_auxsegnet")),
        ("update_labels", "model", ("train_auxsegnet",)),
        ("predict", "model", ("train_auxsegnet", "train_aalr", "train_segmenter")),
    ],
)
def test_an_input_may_come_from(stage: str, name: str, makers: tuple[str, ...]):
    assert makers_of(stage, name) == makers


def test_every_input_comes_from_a_stage_above():
    order = list(STAGES)
    for stage in STAGES.values():
        for item in stage.inputs:
            makers = makers_of(stage.name, item.name)
            # a round goes on from the one before, and labels can be made from labels of any kind
            above = [maker for maker in makers if order.index(maker) < order.index(stage.name)]
            assert above, (stage.name, item.name)
