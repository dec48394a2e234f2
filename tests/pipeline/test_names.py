"""Names of label sets and models: to their artifacts and back, where they come from, and for people."""

from __future__ import annotations

import re

import pytest

from wsss.config import load_config
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import (
    base_of,
    chain_of,
    known_label_sets,
    label_set,
    label_set_pattern,
    label_words,
    method_of,
    method_order,
    model,
    model_words,
    product_of,
    resolved,
)

LABEL_SETS = {
    "seeds": Artifact("seed_labels"),
    "auxsegnet_round1": Artifact("update_labels", round=1),
    "auxsegnet_round12": Artifact("update_labels", round=12),
    "aalr": Artifact("aalr_labels"),
    "seeds_self": Artifact("segmenter_labels", label_set="seeds"),
    "seeds_refined": Artifact("refine_labels", label_set="seeds"),
    "seeds_self_refined": Artifact("refine_labels", label_set="seeds_self"),
    "seeds_refined_self": Artifact("segmenter_labels", label_set="seeds_refined"),
    "auxsegnet_round2_refined_self_self": Artifact("segmenter_labels", label_set="auxsegnet_round2_refined_self"),
}
MODELS = {
    "auxsegnet_round0": Artifact("train_auxsegnet", round=0),
    "auxsegnet_round3": Artifact("train_auxsegnet", round=3),
    "aalr": Artifact("train_aalr"),
    "segmenter_seeds": Artifact("train_segmenter", label_set="seeds"),
    "segmenter_masks": Artifact("train_segmenter", label_set="masks"),
    "segmenter_aalr_self_refined": Artifact("train_segmenter", label_set="aalr_self_refined"),
}


@pytest.mark.parametrize("name", LABEL_SETS)
def test_a_label_set_is_an_artifact_that_has_its_name(name: str):
    assert label_set(name) == LABEL_SETS[name]
    assert product_of(LABEL_SETS[name]) == name


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_a_checkpoint_that_has_its_name(name: str):
    assert model(name) == MODELS[name]
    assert product_of(MODELS[name]) == name


@pytest.mark.parametrize(
    # the labels of round 0 are the seeds; an alias stands for a label set only in a config
    "name",
    ["masks", "masks_self", "", "_self", "seed", "theirs", "theirs_refined", "auxsegnet", "auxsegnet_round0"],
)
def test_other_names_are_no_label_sets(name: str):
    assert label_set(name) is None
    assert list(chain_of(name)) == []


@pytest.mark.parametrize("name", ["masks", "seeds", "auxsegnet", "auxsegnet_round", "aalr_self", "segmenter_", ""])
def test_other_names_are_no_models(name: str):
    assert model(name) is None


def test_what_is_neither_labels_nor_a_model_has_no_name():
    assert [product_of(Artifact(stage)) for stage in ("index", "cams", "predict", "report")] == [""] * 4


@pytest.mark.parametrize(
    ("name", "base", "stages"),
    [
        ("seeds", "seeds", ["seed_labels"]),
        ("seeds_self_refined", "seeds", ["refine_labels", "segmenter_labels", "seed_labels"]),
        ("aalr_refined_self", "aalr", ["segmenter_labels", "refine_labels", "aalr_labels"]),
        ("auxsegnet_round2_self", "auxsegnet_round2", ["segmenter_labels", "update_labels"]),
        ("masks", "masks", []),
        ("theirs", "theirs", []),
    ],
)
def test_a_chain_leads_to_the_labels_that_it_starts_with(name: str, base: str, stages: list[str]):
    assert base_of(name) == base
    assert [artifact.stage for artifact in chain_of(name)] == stages


@pytest.mark.parametrize(
    ("name", "method", "place"),
    [
        ("seeds", "", 0),
        ("seeds_refined_self", "", 0),
        ("auxsegnet_round1_self_refined", "auxsegnet", 1),
        ("aalr_refined", "aalr", 2),
        # a network of the first round learns from seeds, and is the method's all the same
        ("auxsegnet_round0", "auxsegnet", 1),
        ("segmenter_auxsegnet_round2_refined", "auxsegnet", 1),
        ("segmenter_aalr_self", "aalr", 2),
        ("segmenter_seeds_self", "", 0),
        ("segmenter_masks", "", 0),
        ("theirs", "", 0),
    ],
)
def test_labels_and_models_know_the_method_that_they_come_from(name: str, method: str, place: int):
    assert method_of(name) == method
    assert method_order(name) == place


# -- what a config may name --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LABEL_SETS, "masks", "auxsegnet", "auxsegnet_self", "auxsegnet_refined_self"])
def test_a_config_may_name(name: str):
    assert re.fullmatch(label_set_pattern(), name)


@pytest.mark.parametrize(
    "name",
    [
        *("masks_self", "masks_refined", "seeds_", "seeds_selfrefined", "self", "_refined", "Seeds", "seeds_self "),
        *("auxsegnet_round", "auxsegnet_round0", "auxsegnet_round01", "auxsegnet_round-1", "aalr_round1", ""),
    ],
)
def test_a_config_may_not_name(name: str):
    assert not re.fullmatch(label_set_pattern(), name)


def test_all_names_are_listed_for_people():
    assert known_label_sets() == (
        "`masks`, `seeds`, `auxsegnet_round1`, `aalr`, `auxsegnet`; "
        "to all but `masks`, `_self` or `_refined` may be appended"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auxsegnet", "auxsegnet_round2"),
        ("auxsegnet_refined", "auxsegnet_round2_refined"),
        ("auxsegnet_self_refined", "auxsegnet_round2_self_refined"),
        ("auxsegnet_round1", "auxsegnet_round1"),
        ("seeds_self", "seeds_self"),
        ("aalr", "aalr"),
        ("masks", "masks"),
    ],
)
def test_an_alias_stands_for_the_last_labels_of_the_run(name: str, expected: str):
    rounds = {"rounds": 2}
    config = load_config({"data": {"name": "demo"}, "methods": ["auxsegnet"], "auxsegnet": rounds})
    assert resolved(name, config) == expected
    without_last = {"data": {"name": "demo"}, "methods": ["auxsegnet"], "auxsegnet": {**rounds, "last_labels": False}}
    assert resolved(name, load_config(without_last)) == expected.replace("round2", "round1")


# -- for people --------------------------------------------------------------------------------------------------------


def test_names_of_label_sets():
    assert label_words("seeds") == "seed labels"
    assert label_words("seeds_self") == "self-trained labels"
    assert label_words("seeds_self_self") == "self-trained labels (2 times)"
    assert label_words("round1") == "round1 labels"
    assert label_words("auxsegnet_round2") == "round 2 labels"
    assert label_words("auxsegnet_round2_self") == "self-trained labels, from round 2"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("masks", "true masks"),
        ("aalr", "AA&LR labels"),
        ("aalr_refined", "refined labels, from AA&LR"),
        ("seeds_refined", "refined labels"),
        ("seeds_refined_refined", "refined labels (2 times)"),
        # the last step comes first
        ("seeds_self_refined", "refined labels, from self-trained"),
        ("seeds_refined_self", "self-trained labels, from refined"),
        ("seeds_refined_self_refined", "refined labels, from self-trained, from refined"),
        ("seeds_self_self_refined", "refined labels, from self-trained (2 times)"),
        ("auxsegnet_round1_refined_self_self", "self-trained labels (2 times), from refined, from round 1"),
        ("from_elsewhere", "from elsewhere labels"),
    ],
)
def test_a_chain_is_told_from_its_end_to_its_beginning(name: str, words: str):
    assert label_words(name) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auxsegnet_round1", "AuxSegNet, round 1"),
        ("aalr", "AA&LR"),
        ("segmenter_masks", "network on true masks"),
        ("segmenter_seeds_refined", "network on refined labels"),
        ("segmenter_aalr_self", "network on self-trained labels, from AA&LR"),
        ("their_network", "their network"),
    ],
)
def test_names_of_models(name: str, words: str):
    assert model_words(name) == words
