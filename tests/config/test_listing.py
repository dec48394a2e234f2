from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic.fields import FieldInfo

from wsss.config import Config, Settings
from wsss.config.listing import GROUP, Setting, sections
from wsss.config.run import SECTIONS
from wsss.data.sources import SOURCES


def groups(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [group for part in get_args(annotation) for group in groups(part)]


def models(model: type[Settings]) -> Iterator[type[Settings]]:
    yield model
    for field in model.model_fields.values():
        for group in groups(field.annotation):
            yield from models(group)


MODELS = list(dict.fromkeys(models(Config)))
FIELDS = {f"{model.__name__}.{name}": field for model in MODELS for name, field in model.model_fields.items()}


def setting(name: str) -> Setting:
    section, _, inner = name.partition(".")
    return next(item for item in sections()[section].settings if item.name == (inner or section))


def test_every_setting_is_described():
    assert len(FIELDS) > 200
    assert [name for name, field in FIELDS.items() if not field.description and not groups(field.annotation)] == []
    assert [model.__name__ for model in MODELS if "__doc__" not in vars(model) or not model.__doc__] == []


def test_every_description_is_a_sentence():
    texts = {name: field.description for name, field in FIELDS.items() if field.description}
    assert [name for name, text in texts.items() if not text.endswith((".", '"'))] == []


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if isinstance(field.default, Settings)])
def test_a_group_given_in_part_has_the_same_defaults_as_one_left_out(name: str):
    field: FieldInfo = FIELDS[name]
    assert field.default == type(field.default)()


def test_the_list_has_every_setting_once():
    assert list(sections()) == list(Config.model_fields)
    assert SECTIONS.keys() <= sections().keys()
    for section in sections().values():
        names = [item.name for item in section.settings]
        assert section.name == "data" or len(set(names)) == len(names)
        assert all(item.description for item in section.settings)
        assert section.summary.endswith(".")


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        ("seeds", "list (integer from 0 to 2^63 - 1)", "[0]"),
        ("rerun_on_code_change", "true or false", "true"),
        ("run", "text", '""'),
        ("methods", "list (auxsegnet or aalr)", "[]"),
        ("variants", "group by name", "{}"),
        ("backbone.output_stride", "one of 8, 16, 32", "16"),
        ("data.root", "text", "data/demo"),
        ("cams.scales", "list (number above 0 to 16)", "[0.5, 1.0, 1.5, 2.0]"),
        ("seed_labels.background_cam_threshold", "number from 0 to 1, or auto, or null", "auto"),
        ("train_segmenter.epochs", "integer from 1 to 1,000,000, or auto", "auto"),
        ("train_segmenter.precision", 'one of auto, "32", bf16-mixed, 16-mixed', "auto"),
        ("train_segmenter.augmentation.scale", "list of 2 (number above 0 to 16)", "[0.5, 1.5]"),
        ("train_segmenter.backbone", GROUP, "top-level `backbone`"),
        ("train_segmenter.dropout", "number from 0, below 1", "0.1"),
        ("train_auxsegnet.network", GROUP, ""),
        (
            "train_auxsegnet.network.affinity",
            'one of cross_task, separate, segmentation, saliency, "off"',
            "cross_task",
        ),
        ("train_aalr.adaptive_affinity.offset", "integer from 1 to 4096, or null", "null"),
        ("update_labels.saliency_crf", "group, or null", "{}"),
        ("update_labels.saliency_crf.minimum_probability", "number, always 0", "0.0"),
        ("predict.protocols", "group by name", "{single: {}}"),
        ("predict.protocols.NAME.crf.iterations", "integer from 1 to 10000", "10"),
    ],
)
def test_kinds_and_defaults_are_in_words(name: str, kind: str, default: str):
    assert (setting(name).kind, setting(name).default) == (kind, default)


def test_data_sets_are_told_apart():
    names = [item.name for item in sections()["data"].settings]
    assert [name for name in names if name.startswith("name")] == [f"name: {source}" for source in SOURCES]
    roots = [item.default for item in sections()["data"].settings if item.name == "root"]
    assert roots == ["data/demo", *["required"] * (len(SOURCES) - 1)]
