from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.small_auxsegnet import BACKBONE, NAMES, batch, network, training_images
from tests.training.tiny import NoiseImages
from wsss.config import Optimizer, Training
from wsss.config.auxsegnet import AuxSegNetLossWeights
from wsss.context import RunContext
from wsss.data.loaders import Draw
from wsss.models import AuxSegNet
from wsss.training.auxsegnet import AuxSegNetModule
from wsss.training.checkpoint import load_model, save_model
from wsss.training.module import to_input
from wsss.training.schedule import build_optimizer
from wsss.training.trainer import run_training
from wsss.training.validation import SegmentationValidation


class ColouredImages(NoiseImages):
    """One can see what `NoiseMaps` say: the colour tells the label, brightness what is salient."""

    def size(self, image_id: str) -> tuple[int, int]:
        return 64, 64

    def bounded_image(self, image_id: str) -> np.ndarray:
        image = super().bounded_image(image_id) // 8
        image[:, :32] += 120
        image[..., self._label(image_id)] += 100
        return image

    def image_labels(self, image_id: str) -> np.ndarray:
        return np.array([self._label(image_id) == 1, self._label(image_id) == 2], np.uint8)

    def _label(self, image_id: str) -> int:
        return int(image_id.removeprefix("image")) % 3


def test_an_example_has_both_maps_and_image_labels() -> None:
    still = {"scale": (1.0, 1.0), "flip": 0.0}
    example = training_images(**still)[Draw(0, 0, 2)]  # 26 x 14 pixels in a crop of 32
    assert {name: tuple(value.shape) for name, value in example.items()} == {
        "images": (3, 32, 32),
        "labels": (32, 32),
        "saliency": (32, 32),
        "inside": (32, 32),
        "targets": (2,),
    }
    inside = example["inside"]
    assert torch.equal(example["labels"] != 255, inside)
    assert int(inside.sum()) == 26 * 14
    assert torch.equal(example["saliency"] != 255, inside)
    assert example["saliency"][inside].float().mean() == pytest.approx(0.5)
    parity = training_images(**still, padding="background")[Draw(0, 0, 2)]
    assert (parity["saliency"][~inside] == 0).all()


def test_loss_is_the_weighted_sum_of_its_parts() -> None:
    weights = AuxSegNetLossWeights(classification=0.5, saliency=2.0, refined_saliency=0.0, segmentation=3.0)
    module = AuxSegNetModule(network(dropout=0.0), Optimizer(), weights).eval()
    found = module.losses(batch())
    assert set(found) == {"loss", "classification", "saliency", "segmentation", "refined_segmentation"}
    parts = 0.5 * found["classification"] + 2 * found["saliency"] + 3 * found["segmentation"]
    assert found["loss"].item() == pytest.approx((parts + found["refined_segmentation"]).item(), rel=1e-5)
    assert [name for name, value in found.items() if value.requires_grad] == ["loss"]


def test_a_training_step_computes_no_cams_and_no_branch_without_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    forward = AuxSegNet.forward

    def record(self: AuxSegNet, images: Tensor, outputs: Any = None, inside: Any = None) -> Any:
        asked.append(tuple(outputs))
        return forward(self, images, outputs, inside)

    monkeypatch.setattr(AuxSegNet, "forward", record)
    AuxSegNetModule(network(), Optimizer(), AuxSegNetLossWeights()).losses(batch())
    weights = AuxSegNetLossWeights(classification=0, refined_saliency=0)
    AuxSegNetModule(network(affinity="off", saliency=False), Optimizer(), weights).losses(batch())
    assert asked == [
        (
            "class_logits",
            "saliency_logits",
            "refined_saliency_logits",
            "segmentation_logits",
            "refined_segmentation_logits",
        ),
        ("segmentation_logits",),
    ]


@pytest.mark.parametrize("released", [False, True])
def test_rates_of_the_fusion_layers(released: bool) -> None:
    settings = Optimizer(name="sgd", learning_rate=0.0007, head_multiplier=10.0, momentum=0.0, weight_decay=0.0)
    built = network()
    module = AuxSegNetModule(built, settings, AuxSegNetLossWeights(), released_rate_groups=released)
    optimizer = build_optimizer(settings, module.parameter_groups())
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert built.pairwise_fusion is not None
    assert rates[id(built.pairwise_fusion.mix.bias)] == pytest.approx(0.0007 if released else 0.007)
    assert built.classifier is not None
    assert rates[id(built.classifier.weight)] == pytest.approx(0.007)
    trained = [id(parameter) for parameter in built.backbone.parameters() if parameter.requires_grad]
    assert {rates[key] for key in trained} == {0.0007}
    assert sorted(rates) == sorted(id(parameter) for parameter in built.parameters() if parameter.requires_grad)


def losses_without_dropout(module: AuxSegNetModule, examples: dict[str, Tensor]) -> dict[str, float]:
    with torch.no_grad():
        return {name: float(value) for name, value in module.eval().losses(examples).items()}


def test_training_lowers_every_loss_and_the_network_comes_back(tmp_path: Path) -> None:
    backbone = {**BACKBONE, "weights": "auto"}
    settings = Training.parse(
        {
            "backbone": backbone,
            "epochs": 16,
            "batch_size": 7,
            "optimizer": {"learning_rate": 0.0002},
        }
    )
    built, images = network(backbone, channels=16), ColouredImages()
    module = AuxSegNetModule(built, settings.optimizer, AuxSegNetLossWeights())
    # whole images and no crops, so that the losses before and after are those of the same pixels
    data = training_images(images, crop_size=64, color_jitter=[0, 0, 0, 0], scale=(1.0, 1.0), flip=0.0)
    examples = batch(data, len(data))
    before = losses_without_dropout(module, examples)
    validation = SegmentationValidation(images, "val", NAMES, workers=0, batch_size=4, pixels=10**5)
    result = run_training(
        module,
        data,
        validation,
        description="auxsegnet",
        settings=settings,
        context=RunContext(device="cpu", workers=0),
        folder=tmp_path,
    )
    after = losses_without_dropout(module, examples)
    assert set(after) == {"loss", *AuxSegNetLossWeights.model_fields}
    for name, value in after.items():
        # a network that has learned comes below a fifth; one that answers every image the same stays above half
        assert value < 0.5 * before[name], name
    # a constant answer would reach a third of a third, a network that has learned reaches 1
    assert result.metrics["validation"]["miou"] > 0.5
    path = tmp_path / "model.ckpt"
    model_settings = {"backbone": backbone, **built.settings.model_dump(mode="json")}
    save_model(
        path,
        stage="train_auxsegnet",
        model=built,
        model_settings=model_settings,
        class_names=NAMES,
        attributes={},
        metrics={},
    )
    again, checkpoint = load_model(path, AuxSegNet, "train_auxsegnet", class_names=NAMES)
    assert checkpoint.kind == "auxsegnet"
    assert again.settings == built.settings
    pixels = to_input(batch()["images"])
    with torch.no_grad():
        expected, found = built.eval()(pixels), again(pixels.contiguous(memory_format=torch.channels_last))
    # another layout in memory is summed in another order: rounding, as large as the largest logit makes it
    largest = float(expected.refined_segmentation_logits.abs().max())
    assert torch.allclose(found.refined_segmentation_logits, expected.refined_segmentation_logits, atol=1e-4 * largest)


def test_validation_asks_for_the_best_segmentation_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[tuple[str, ...]] = set()
    forward = AuxSegNet.forward

    def record(self: AuxSegNet, pixels: Tensor, outputs: Any = None, inside: Any = None) -> Any:
        asked.add(tuple(outputs))
        return forward(self, pixels, outputs, inside)

    monkeypatch.setattr(AuxSegNet, "forward", record)
    for settings, name in (({}, "refined_segmentation_logits"), ({"affinity": "off"}, "segmentation_logits")):
        asked.clear()
        validation = SegmentationValidation(NoiseImages(4), "val", NAMES, workers=0, batch_size=2, pixels=10**4)
        found = validation(network(**settings), torch.device("cpu"), nullcontext, lambda: None)
        assert asked == {(name,)}
        assert found["images"] == 4


@pytest.mark.parametrize(
    ("weights", "settings"),
    [
        ({}, {}),
        ({"classification": 0}, {}),
        ({"classification": 0}, {"classification": False}),
        ({"refined_saliency": 0, "refined_segmentation": 0}, {"pairwise_acts_on": "predictions"}),
        ({"refined_saliency": 0}, {"affinity": "segmentation"}),
        ({"saliency": 0, "refined_saliency": 0}, {"saliency": False, "affinity": "off"}),
        ({}, {"affinity": "separate", "unary_acts_on": "features"}),
        ({}, {"affinity": "saliency", "pairwise_acts_on": "features", "unary_value": "separate"}),
    ],
)
def test_it_says_when_parameters_get_no_gradient(weights: dict[str, float], settings: dict[str, Any]) -> None:
    module = AuxSegNetModule(network(**settings), Optimizer(), AuxSegNetLossWeights.parse(weights)).train()
    module.losses(batch())["loss"].backward()
    unused = [name for name, p in module.network.named_parameters() if p.requires_grad and p.grad is None]
    assert module.leaves_parameters_unused == bool(unused), unused
