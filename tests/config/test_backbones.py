from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wsss.config import BackboneSettings, Config, DemoData, TrainClassifier, load_config
from wsss.config.aalr import TrainAalr
from wsss.config.rounds import TrainAuxsegnet
from wsss.config.run import TRAININGS
from wsss.errors import InputError
from wsss.models.aalr import AALR
from wsss.models.auxsegnet import AuxSegNet
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan

CHOSEN = {"name": "resnet50", "output_stride": 8, "frozen_stages": 1}
FROM_CLASSIFIER = {"train_auxsegnet": {}, "train_aalr": {"start": "classifier"}}


def config(**sections: Any) -> Config:
    return load_config({"run": "x", "data": {"name": "demo"}, **sections})


def backbones(found: Config) -> dict[str, BackboneSettings]:
    return {stage: found.stage(stage).backbone for stage in TRAININGS}  # type: ignore[attr-defined]


def test_every_training_has_the_backbone_of_the_top_level():
    assert set(TRAININGS) == {"train_classifier", "train_auxsegnet", "train_aalr", "train_segmenter"}
    found = config(backbone=CHOSEN)
    assert list(backbones(found).values()) == [BackboneSettings.parse(CHOSEN)] * 4
    assert list(backbones(config()).values()) == [BackboneSettings()] * 4


def test_a_training_lays_its_own_over_it_key_by_key():
    found = config(backbone=CHOSEN, train_segmenter={"backbone": {"frozen_stages": 0}, "epochs": 2})
    assert found.train_segmenter.backbone == BackboneSettings.parse({**CHOSEN, "frozen_stages": 0})
    assert found.train_segmenter.epochs == 2
    assert found.train_classifier.backbone == BackboneSettings.parse(CHOSEN)


def test_a_training_of_its_own_weights_may_have_another_network():
    found = config(train_aalr={"backbone": {"name": "resnet50", "weights": "none"}})
    assert found.train_aalr.backbone.name == "resnet50"
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
    assert found.train_classifier.backbone == BackboneSettings(output_stride=8, frozen_stages=1)
    assert found.train_segmenter.backbone == BackboneSettings(output_stride=32, frozen_stages=1)
    variant = found.model_copy(update={"run": "other", "seeds": (3,)}).for_variant("a")
    assert (variant.run, variant.seeds, variant.variants) == ("other", (3,), {})
    assert variant.train_classifier.backbone == BackboneSettings(name="resnet50", output_stride=8, frozen_stages=1)
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


def test_no_lineage_knows_a_backbone_that_no_stage_has():
    own = {"backbone": {"name": "resnet50", "output_stride": 16, "frozen_stages": 2, "freeze_batch_norm": True}}
    weights = {"backbone": {**own["backbone"], "weights": "none"}}
    stages = {"train_classifier": weights, "train_segmenter": weights, "train_aalr": weights, "train_auxsegnet": own}
    one, two = (Plan(config(backbone=top, **stages)) for top in ({}, CHOSEN))
    artifact = Artifact("predict", model="segmenter_seeds", split="val", protocol="single")
    assert one._lineage(artifact) == two._lineage(artifact)


@pytest.mark.parametrize(
    ("stride", "rates", "dilation", "offset"), [(8, (6, 12, 18), 12, 4), (16, (3, 6, 9), 6, 2), (32, (2, 3, 5), 3, 1)]
)
def test_distances_follow_the_stride(stride: int, rates: tuple[int, ...], dilation: int, offset: int):
    found = config(backbone={"output_stride": stride})
    assert found.train_auxsegnet.network.atrous_rates == rates
    assert found.train_aalr.network.dilation == dilation
    assert found.train_aalr.adaptive_affinity.offset == found.train_auxsegnet.adaptive_affinity.offset == offset
    assert json.loads(found.train_aalr.canonical_json())["network"]["dilation"] == dilation
    alone = {"backbone": {"output_stride": stride}, "network": {}}
    assert TrainAuxsegnet.parse(alone).network.atrous_rates == rates
    assert TrainAalr.parse(alone).network.dilation == dilation


def test_distances_that_are_given_stay():
    network = {"network": {"atrous_rates": [1, 2, 3]}, "adaptive_affinity": {"offset": 7}}
    found = TrainAuxsegnet.parse(network)
    assert (found.network.atrous_rates, found.adaptive_affinity.offset) == ((1, 2, 3), 7)
    assert TrainAalr.parse({"network": {"dilation": 5}}).network.dilation == 5
    assert TrainAalr.parse(TrainAalr().canonical_json()) == TrainAalr()


def test_a_variant_of_the_stride_has_distances_of_its_own():
    sections = {"train_aalr": {"network": {"dilation": None, "channels": 8}, "adaptive_affinity": {"weight": 1}}}
    found = config(**sections, variants={"fine": {"backbone": {"output_stride": 8}}}).for_variant("fine")
    assert (found.train_aalr.network.dilation, found.train_aalr.adaptive_affinity.offset) == (12, 4)


def test_pairs_of_pixels_of_the_image_reach_as_far_at_any_stride():
    for stride in (8, 16, 32):
        loss = TrainAalr.parse({"backbone": {"output_stride": stride}, "adaptive_affinity": {"resolution": "image"}})
        assert loss.adaptive_affinity.offset == 32


def test_networks_built_without_it_take_the_distances_of_their_stride():
    backbone = BackboneSettings(weights="none", output_stride=32)
    assert AALR(backbone, 2, channels=4).embedding.dilation == (3, 3)
    network = AuxSegNet(backbone, 2, channels=4)
    assert network.settings.atrous_rates == (2, 3, 5)
    found = [m.dilation[0] for m in network.segmentation.modules() if getattr(m, "kernel_size", None) == (3, 3)]
    assert found == [2, 3, 5]


def test_networks_that_segment_share_what_they_learn_by():
    found = config()
    rounds, aalr, segmenter = found.train_auxsegnet, found.train_aalr, found.train_segmenter
    assert rounds.augmentation == aalr.augmentation == segmenter.augmentation
    assert rounds.optimizer == segmenter.optimizer
    assert rounds.batch_size == aalr.batch_size == segmenter.batch_size
    own = {"momentum", "warmup_learning_rate", "bias_multiplier"}
    assert aalr.optimizer.model_dump(exclude=own) == rounds.optimizer.model_dump(exclude=own)
    assert aalr.epochs == found.train_classifier.epochs + rounds.epochs
