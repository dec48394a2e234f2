"""The settings of a whole run, and what contradicts itself in them."""

from __future__ import annotations

from typing import Any

import pytest

from wsss.config import Config, load_config
from wsss.errors import InputError

ROUNDS: dict[str, Any] = {"methods": ["auxsegnet"], "auxsegnet": {"rounds": 2}}


def config(**sections: Any) -> dict[str, Any]:
    return {"data": {"name": "demo"}, **sections}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train_segmenter": {"label_sets": ["auxsegnet"]}}, "add `auxsegnet` to `methods`"),
        ({"train_segmenter": {"label_sets": ["aalr_self"]}}, "add `aalr` to `methods`"),
        (
            {**ROUNDS, "train_segmenter": {"label_sets": ["auxsegnet_round3"]}},
            "last of these labels are `auxsegnet_round2`",
        ),
        ({"train_segmenter": {"label_sets": ["auxsegnet_round0"]}}, "unknown label set `auxsegnet_round0`"),
        ({"train_segmenter": {"label_sets": ["masks_self"]}}, "unknown label set `masks_self`"),
        ({**ROUNDS, "train_auxsegnet": {"network": {"classification": False}}}, "updated from CAMs"),
        ({**ROUNDS, "train_auxsegnet": {"backbone": {"weights": "none"}}}, "goes on from the classifier's weights"),
        ({"variants": {"a": {"report": {"samples": 1}}}}, "a variant may override backbone, methods, auxsegnet"),
    ],
)
def test_rounds_that_cannot_be_are_refused(sections: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        load_config(config(**sections))


def test_variant_changes_only_what_it_overrides() -> None:
    loaded = load_config(config(variants={"base": None, "low": {"seed_labels": {"cam_threshold": 0.1}}}))
    low = loaded.for_variant("low")
    assert isinstance(low, Config)
    assert low.seed_labels.cam_threshold == 0.1
    assert low.seed_labels.saliency_threshold == loaded.seed_labels.saliency_threshold
    assert low.cams == loaded.for_variant("base").cams == loaded.cams


def test_variant_with_a_misspelt_key_says_so() -> None:
    with pytest.raises(InputError, match=r"`variants.low.seed_labels.cam_treshold` is not a setting"):
        load_config(config(variants={"low": {"seed_labels": {"cam_treshold": 0.1}}})).for_variant("low")
