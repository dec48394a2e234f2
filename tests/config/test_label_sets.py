"""Names of label sets in settings: which are known, and which a config leads to."""

from __future__ import annotations

from typing import Any

import pytest

from wsss.config import Config, TrainSegmenter, load_config
from wsss.config.label_sets import problem_of_label_set
from wsss.config.refine_labels import RefineLabels
from wsss.errors import InputError

SECTIONS = ("train_segmenter", "refine_labels")


def problem(name: str, config: Config) -> str:
    return problem_of_label_set(name, "train_segmenter", config)


def config(**sections: Any) -> Config:
    return load_config({"data": {"name": "demo"}, **sections})


def rounds(**settings: Any) -> Config:
    return config(methods=["auxsegnet"], auxsegnet=settings)


def test_one_label_set_may_be_written_as_a_word() -> None:
    assert TrainSegmenter.parse({"label_sets": "masks"}).label_sets == ("masks",)
    assert TrainSegmenter.parse({"label_sets": ["seeds", "seeds_self"]}).label_sets == ("seeds", "seeds_self")


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("name", ["truth", "seeds_", "masks_self", "masks_refined", "auxsegnet_round0"])
def test_an_unknown_name_is_said_with_all_that_are_known(section: str, name: str) -> None:
    with pytest.raises(InputError) as error:
        config(**{section: {"label_sets": ["seeds", name]}})
    assert f"`{section}.label_sets`: unknown label set `{name}`: use `masks`, `seeds`" in str(error.value)
    assert "`_self` or `_refined` may be appended" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["masks", "seeds", "seeds_refined_self", "auxsegnet", "auxsegnet_round1_self"])
def test_a_config_leads_to_it(name: str) -> None:
    assert problem(name, rounds(rounds=2)) == ""


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("aalr", "aalr"),
        ("aalr_self_refined", "aalr"),
        ("auxsegnet", "auxsegnet"),
        ("auxsegnet_round1_refined", "auxsegnet"),
    ],
)
def test_a_method_that_does_not_run_is_to_be_added(name: str, method: str) -> None:
    assert problem(name, config()) == f": add `{method}` to `methods`"


def test_rounds_that_are_not_run_are_said_with_the_last_one() -> None:
    way_out = "raise `auxsegnet.rounds`, or set `auxsegnet.last_labels`"
    there = ", but the last of these labels are `auxsegnet_round2`"
    assert problem("auxsegnet_round3", rounds(rounds=2)) == f"{there}: {way_out}"
    assert problem("auxsegnet_round3_self", rounds(rounds=3, last_labels=False)) == f"{there}: {way_out}"
    # the only round leaves no labels, so the alias stands for none
    single = rounds(rounds=1, last_labels=False)
    for name in ("auxsegnet", "auxsegnet_refined", "auxsegnet_round1"):
        assert problem(name, single) == f", but this run makes no such labels: {way_out}"


@pytest.mark.parametrize("section", SECTIONS)
def test_both_sections_are_checked_and_named(section: str) -> None:
    with pytest.raises(InputError, match=rf"{section}\.label_sets names `aalr_self`: add `aalr` to `methods`"):
        config(**{section: {"label_sets": ["aalr_self"]}})
    assert config(methods=["aalr"], **{section: {"label_sets": ["aalr_self"]}}).methods == ("aalr",)


def test_a_variant_is_checked_by_its_own_methods() -> None:
    found = config(methods=["aalr"], refine_labels={"label_sets": ["aalr"]}, variants={"none": {"methods": []}})
    with pytest.raises(InputError, match=r"refine_labels\.label_sets names `aalr`: add `aalr` to `methods`"):
        found.for_variant("none")


def test_true_masks_are_not_refined() -> None:
    with pytest.raises(InputError, match="names `masks`, which no stage makes, so refine_labels cannot read it"):
        config(refine_labels={"label_sets": ["seeds", "masks"]})
    assert RefineLabels(label_sets=("seeds",)).label_sets == ("seeds",)
