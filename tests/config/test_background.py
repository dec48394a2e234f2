from __future__ import annotations

from typing import Any

import pytest

from wsss.config import Config, FolderData, load_config
from wsss.errors import InputError
from wsss.plan import Plan

DATA = {"name": "folder", "root": "land"}


def _config(*, background: bool = False, **sections: Any) -> Config:
    return load_config({"run": "land", "data": {**DATA, "background": background}, **sections})


def test_what_follows_from_data_without_background() -> None:
    config = _config(methods=["aalr"], train_segmenter={"label_sets": ["seeds", "aalr", "seeds_self"]})
    assert config.stage("seed_labels").rule == "classes"
    assert config.stage("segmenter_labels").saliency_threshold is None
    plan = Plan(config)
    assert plan.wanted("seed_labels")
    assert plan.wanted("segmenter_labels")
    assert plan.wanted("saliency") == []
    assert Plan(_config(background=True)).wanted("saliency") != []


def test_the_default_leaves_settings_as_they_were() -> None:
    # so that no index of an earlier version is made again
    assert "background" not in FolderData(root="land").canonical_json()
    text = FolderData(root="land", background=False).canonical_json()
    assert not FolderData.parse(text).background
    assert _config(background=True).stage("seed_labels").rule == "saliency"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"methods": ["auxsegnet"]}, r"methods: data.background is false, but auxsegnet learns saliency.*\[aalr\]"),
        ({"seed_labels": {"rule": "saliency"}}, r"seed_labels.rule is `saliency`.* set it to `classes`"),
        ({"segmenter_labels": {"saliency_threshold": 0.2}}, r"segmenter_labels.saliency_threshold .* to `null`"),
        ({"train_segmenter": {"augmentation": {"padding": "background"}}}, r"train_segmenter.augmentation.padding is"),
        ({"variants": {"a": {"seed_labels": {"rule": "background_threshold"}}}}, r"variants.a.: seed_labels.rule is"),
    ],
)
def test_what_contradicts_it(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Plan(_config(**sections))
    assert "\n" not in str(caught.value)
    Plan(_config(background=True, **sections))


@pytest.mark.parametrize("value", [0, "false", "no"])
def test_what_is_no_boolean_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"data\.background"):
        _config(data={**DATA, "background": value})
