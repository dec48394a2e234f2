from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wsss.config import BackboneSettings, Config, DemoData, TrainClassifier, load_config
from wsss.config.run import TRAININGS
from wsss.config.stages import ClassifierBackbone
from wsss.errors import InputError

CHOSEN = {"name": "resnet50", "output_stride": 8, "frozen_stages": 1}
FROM_CLASSIFIER = {"train_auxsegnet": {}, "train_aalr": {"start": "classifier"}}


def config(**sections: Any) -> Config:
    return load_config({"run": "x", "data": {"name": "demo"}, **sections})


def backbones(found: Config) -> dict[str, BackboneSettings]:
    own = {stage: found.stage(stage).backbone for stage in TRAININGS}
    return {stage: BackboneSettings.parse(backbone.model_dump()) for stage, backbone in own.items()}


def test_every_training_has_the_backbone_of_the_top_level():
    assert set(TRAININGS) == {"train_classifier", "train_auxsegnet", "train_aalr", "train_segmenter"}
    found = config(backbone=CHOSEN)
    assert list(backbones(found).values()) == [BackboneSettings.parse(CHOSEN)] * 4
    assert list(backbones(config()).values()) == [BackboneSettings(output_stride=32), *[BackboneSettings()] * 3]


@pytest.mark.parametrize(
    ("sections", "stride"),
    [
        ({}, 32),
        ({"backbone": {"frozen_stages": 2}}, 32),
        ({"backbone": {"output_stride": 16}}, 16),
        ({"backbone": {"output_stride": 16}, "train_classifier": {"backbone": {"output_stride": 8}}}, 8),
        ({"backbone": {"name": "resnet38d", "weights": "none"}}, 16),
        ({"train_classifier": {"backbone": {"name": "resnet50"}}, "backbone": {"name": "resnet50"}}, 32),
    ],
)
def test_the_classifier_has_a_stride_of_its_own_where_none_is_named(sections: dict[str, Any], stride: int):
    found = config(**sections, variants={"same": {}, "other": {"cams": {"flip": False}}})
    assert found.train_classifier.backbone.output_stride == stride
    assert found.for_variant("same").train_classifier == found.train_classifier
    assert found.for_variant("other").train_segmenter == found.train_segmenter


def test_a_training_lays_its_own_over_it_key_by_key():
    found = config(backbone=CHOSEN, train_segmenter={"backbone": {"frozen_stages": 0}, "epochs": 2})
    assert found.train_segmenter.backbone == BackboneSettings.parse({**CHOSEN, "frozen_stages": 0})
    assert found.train_segmenter.epochs == 2
    assert backbones(found)["train_classifier"] == BackboneSettings.parse(CHOSEN)


@pytest.mark.parametrize(("stage", "own"), [("train_aalr", {}), ("train_auxsegnet", {"start": "backbone"})])
def test_a_training_of_its_own_weights_may_have_another_network(stage: str, own: dict[str, Any]):
    found = config(**{stage: {**own, "backbone": {"name": "resnet50", "weights": "none"}}})
    assert found.stage(stage).backbone.name == "resnet50"
    assert found.train_classifier.backbone.name == BackboneSettings().name


@pytest.mark.parametrize("stage", FROM_CLASSIFIER)
def test_what_goes_on_from_the_classifier_has_its_network_and_no_weights_of_its_own(stage: str):
    classifier = {"backbone": {"name": "resnet50", "output_stride": 32, "frozen_stages": 0}}
    shared = {"name": "resnet101", "weights": "some.pth", "output_stride": 8, "frozen_stages": 2}
    found = config(backbone=shared, train_classifier=classifier, **{stage: FROM_CLASSIFIER[stage]})
    expected = BackboneSettings(name="resnet50", weights="auto", output_stride=8, frozen_stages=2)
    assert backbones(found)[stage] == expected
    assert found.train_segmenter.backbone == BackboneSettings.parse(shared)


@pytest.mark.parametrize("stage", FROM_CLASSIFIER)
@pytest.mark.parametrize(
    ("own", "words"),
    [
        (
            {"name": "resnet50"},
            ".backbone.name is `resnet50`, but {} goes on from the classifier, which has `tf",
        ),
        ({"freeze_batch_norm": False}, "{}.backbone.freeze_batch_norm is `False`, but"),
        ({"fold_batch_norm": False}, "{}.backbone.fold_batch_norm is `False`, but"),
        ({"weights": "some.pth"}, "{} goes on from the classifier's weights: leave backbone.weights at `auto`"),
    ],
)
def test_another_network_or_weights_there_are_refused(stage: str, own: dict[str, Any], words: str):
    with pytest.raises(InputError) as error:
        config(**{stage: {**FROM_CLASSIFIER[stage], "backbone": own}})
    assert words.format(stage) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_classifiers_own_name_may_be_said_again():
    name = {"backbone": {"name": "resnet50"}}
    assert config(train_classifier=name, train_auxsegnet=name).train_auxsegnet.backbone.name == "resnet50"


def test_later_files_and_variants_reach_all_that_do_not_override_it(tmp_path: Path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    own = "train_segmenter: {backbone: {output_stride: 32}}"
    first.write_text(f"data: {{name: demo}}\nbackbone: {{frozen_stages: 1}}\n{own}\n")
    second.write_text("backbone: {output_stride: 8}\nvariants: {a: {backbone: {name: resnet50}}}\n")
    found = load_config(first, second)
    assert found.train_classifier.backbone == ClassifierBackbone(output_stride=8, frozen_stages=1)
    assert found.train_segmenter.backbone == BackboneSettings(output_stride=32, frozen_stages=1)
    variant = found.model_copy(update={"run": "other", "seeds": (3,)}).for_variant("a")
    assert (variant.run, variant.seeds, variant.variants) == ("other", (3,), {})
    assert variant.train_classifier.backbone == ClassifierBackbone(name="resnet50", output_stride=8, frozen_stages=1)
    assert variant.train_segmenter.backbone == BackboneSettings(name="resnet50", output_stride=32, frozen_stages=1)
    assert variant.train_auxsegnet.backbone.name == "resnet50"
    assert variant.train_auxsegnet.network.atrous_rates == (6, 12, 18)


def test_a_variant_of_the_classifier_takes_along_what_goes_on_from_it():
    found = config(variants={"a": {"train_classifier": {"backbone": {"name": "resnet50"}}}}).for_variant("a")
    assert found.train_auxsegnet.backbone.name == "resnet50"
    assert found.train_segmenter.backbone.name == BackboneSettings().name


def test_a_variant_keeps_the_protocols_and_trainings_of_the_config():
    changes = {"predict": {"protocols": {"flip": {"flip": True}}}, "train_aalr": {"epochs": 4}}
    found = config(train_aalr={"network": {"channels": 9}}, variants={"a": changes}).for_variant("a")
    assert set(found.predict.protocols) == {"single", "flip"}
    assert (found.train_aalr.epochs, found.train_aalr.network.channels) == (4, 9)


def test_what_is_wrong_with_it_is_said_once_and_where_it_stands():
    for wrong in ({"nam": "resnet50"}, {"output_stride": 7}, "resnet50"):
        with pytest.raises(InputError, match=r"^`backbone(\.\w+)?`") as error:
            config(backbone=wrong)
        assert "more)" not in str(error.value)
    with pytest.raises(InputError, match=r"`train_aalr\.backbone\.nam` is not a setting: did you mean `name`\?$"):
        config(train_aalr={"backbone": {"nam": "x"}})


def test_settings_made_in_python_are_complete():
    found = Config(
        data=DemoData(), backbone=BackboneSettings(output_stride=8), train_classifier=TrainClassifier(epochs=2)
    )
    assert found.train_classifier == TrainClassifier(epochs=2)
    assert found.train_segmenter.backbone.output_stride == 8
