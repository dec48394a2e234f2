"""Every number of a config has limits, and whatever is beyond them is one line before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest

from wsss.config import load_config
from wsss.config.base import Settings
from wsss.config.run import Config
from wsss.errors import InputError

DATA = {"data": {"name": "demo"}}


def numbers(annotation: Any, limits: tuple[Any, ...], name: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every number of an annotation, with its limits."""
    if annotation in (int, float):
        yield name, limits
    elif isinstance(annotation, type) and issubclass(annotation, Settings):
        for key, field in annotation.model_fields.items():
            yield from numbers(field.annotation, tuple(field.metadata), f"{name}.{key}".lstrip("."))
    elif get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        found = [limit for item in extra for limit in getattr(item, "metadata", [item])]
        yield from numbers(inner, (*limits, *found), name)
    elif get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from numbers(part, limits, name)


NUMBERS = dict(numbers(Config, (), ""))


def test_every_number_has_a_lower_and_an_upper_limit():
    assert len(NUMBERS) > 150
    for name, limits in NUMBERS.items():
        ends = {end for limit in limits for end in ("ge", "gt", "le", "lt") if getattr(limit, end, None) is not None}
        assert ends & {"ge", "gt"}, f"{name} has no lower limit"
        assert ends & {"le", "lt"}, f"{name} has no upper limit"


def line(**sections: Any) -> str:
    with pytest.raises(InputError) as caught:
        load_config({**DATA, **sections})
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1e300, -1e300, 10**400, "ten", {}])
def test_absurd_numbers_are_refused_everywhere(value: Any):
    plain = [
        name for name in NUMBERS if name.count(".") == 1 and not name.startswith(("variants", "predict.", "data."))
    ]
    assert len(plain) > 40
    for name in plain:
        section, key = name.split(".")
        message = line(**{section: {key: value}})
        assert f"{section}.{key}" in message


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"seeds": [10**23]}, "`seeds.0`: input should be less than or equal to 9223372036854775807, got 1000"),
        ({"seeds": [-1]}, "`seeds.0`: input should be greater than or equal to 0, got -1"),
        ({"cams": {"scales": [float("inf")]}}, "`cams.scales.0`: input should be a finite number, got inf"),
        ({"cams": {"scales": [1e9]}}, "`cams.scales.0`: input should be less than or equal to 16"),
        ({"cams": {"scales": [1.0] * 1000}}, "`cams.scales`: tuple should have at most 100 items"),
        (
            {"train_classifier": {"augmentation": {"crop_size": 10**6}}},
            "`train_classifier.augmentation.crop_size`: input should be less than or equal to 8000, or 'auto', got",
        ),
        ({"train_segmenter": {"batch_size": 1}}, "`train_segmenter.batch_size`: input should be greater than or equal"),
        ({"run": "r" * 300}, "`run`: string should have at most 100 characters, got 'rrr"),
        ({"run": "a/b"}, "`run`: string should match pattern"),
        ({"run": ".."}, "`run`: string should match pattern"),
        ({"variants": {"v" * 300: {}}}, "has 300 bytes, 100 at most"),
        ({"variants": {"ä" * 60: {}}}, "has 120 bytes, 100 at most"),
        ({"variants": {"-a": {}}}, "not begin with `-`"),
        ({"variants": {"a/b": {}}}, "variant name `a/b` may hold only letters"),
        (
            {"train_segmenter": {"label_sets": ["seeds" + "_self" * 60]}},
            "`train_segmenter.label_sets`: the name of a label set has 305 letters, 100 at most",
        ),
        ({"backbone": {"name": "resnet5"}}, "`backbone.name`: backbone `resnet5` is neither one of"),
        ({"variants": {"a": {"backbone": {"name": "resnet5"}}}}, "`variants.a.backbone.name`: backbone `resnet5`"),
        ({"backbone": {"name": "resnet38d", "output_stride": 32}}, "output_stride is 32, but resnet38d can have 8 or"),
        (
            {"methods": ["auxsegnet"], "variants": {"a": {"train_auxsegnet": {"backbone": {"name": "resnet50"}}}}},
            "train_auxsegnet.backbone.name is `resnet50`, but train_auxsegnet goes on from the classifier",
        ),
    ],
)
def test_what_would_fail_hours_later_is_one_line(sections: dict[str, Any], message: str):
    from wsss.plan import Plan

    with pytest.raises(InputError) as caught:
        Plan(load_config({**DATA, "run": "run", **sections}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_the_largest_seed_is_a_seed():
    torch = pytest.importorskip("torch")
    import numpy as np

    seed = load_config({**DATA, "seeds": [2**63 - 1]}).seeds[0]
    torch.manual_seed(seed)
    np.random.default_rng([1, seed, 2])
    assert np.int64(seed) == seed


def test_a_setting_that_json_text_has_twice_is_refused():
    text = json.dumps({"epochs": 3})[:-1] + ', "epochs": 4}'
    from wsss.config import TrainClassifier

    with pytest.raises(InputError, match="settings have `epochs` twice"):
        TrainClassifier.parse(text)
