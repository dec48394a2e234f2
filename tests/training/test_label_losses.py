"""Adaptive affinity and label reassignment inside AuxSegNet's rounds."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.small_auxsegnet import NAMES, NoiseMaps, batch, network
from tests.training.tiny import NoiseImages
from wsss.config import Augmentation, Optimizer
from wsss.config.auxsegnet import AuxSegNetLossWeights
from wsss.config.rounds import RoundsAdaptiveAffinity, RoundsLabelReassign, TrainAuxsegnet
from wsss.context import RunContext
from wsss.data.loaders import TrainingImages
from wsss.errors import Interrupted
from wsss.losses import adaptive_affinity_loss, label_reassign_loss, segmentation_cross_entropy
from wsss.losses.label_reassign import reassigned_labels
from wsss.models import AuxSegNet
from wsss.ops.upsampling import nearest
from wsss.training.auxsegnet import AuxSegNetModule
from wsss.training.label_losses import LabelLosses
from wsss.training.module import to_input
from wsss.training.trainer import TrainingResult, run_training

BOTH: dict[str, Any] = {
    "affinity": {"weight": 3.0, "offset": 1},
    "reassign": {"weight": 5.0, "min_points": 1, "margin": 0.0},
}
"""A margin of 0, so that labels of a network that has learned nothing are reassigned."""

CROSS_ENTROPIES = ("segmentation", "refined_segmentation")


def label_losses(affinity: Mapping[str, Any] = {}, reassign: Mapping[str, Any] = {}) -> LabelLosses:
    pairs = RoundsAdaptiveAffinity.parse(affinity).at_stride(16)
    return LabelLosses(pairs, RoundsLabelReassign.parse(reassign), NAMES)


def module(step: int = 0, losses: LabelLosses | None = None, embedding: str = "segmentation", **net: Any):
    weights = AuxSegNetLossWeights()
    built = network(dropout=0.0, **net)
    with torch.no_grad():
        # predictions that are not certain of anything
        built.segmentation.tail[-1].weight.mul_(0.1)
    made = AuxSegNetModule(built, Optimizer(), weights, label_losses=losses, embedding=embedding).eval()
    made.begin_step(step, 4)
    return made


def mixed() -> dict[str, Tensor]:
    """Photographs of noise in large cells whose labels, too, change from cell to cell; all show both classes."""
    generator = torch.Generator().manual_seed(1)

    def cells(*shape: int, high: int) -> Tensor:
        drawn = torch.randint(0, high, (*shape, 4, 4), generator=generator, dtype=torch.uint8)
        return drawn.repeat_interleave(16, -1).repeat_interleave(16, -2)

    labels = cells(4, high=4)
    return {
        "images": cells(4, 3, high=256),
        "labels": labels.masked_fill(labels == 3, 255),
        "saliency": cells(4, high=2),
        "targets": torch.ones(4, 2),
        "inside": torch.ones(4, 64, 64, dtype=torch.bool),
    }


def record_outputs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    asked: list[list[str]] = []
    forward = AuxSegNet.forward

    def record(self: AuxSegNet, images: Tensor, outputs: Any = None, inside: Any = None) -> Any:
        asked.append(list(outputs))
        return forward(self, images, outputs, inside)

    monkeypatch.setattr(AuxSegNet, "forward", record)
    return asked


def test_without_weights_nothing_is_computed_and_nothing_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = record_outputs(monkeypatch)
    for name in ("adaptive_affinity_loss", "label_reassign_loss"):
        monkeypatch.setattr(f"wsss.training.label_losses.{name}", lambda *_, **__: pytest.fail("was computed"))
    settings = TrainAuxsegnet()
    losses = LabelLosses(settings.adaptive_affinity, settings.label_reassign, NAMES)
    plain, found = (made.losses(batch()) for made in (module(), module(losses=losses)))
    assert asked[0] == asked[1]
    assert list(plain) == list(found)
    assert all(torch.equal(plain[name], found[name]) for name in plain)
    assert module(losses=losses).epoch_row() == {}


def test_only_what_the_losses_need_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = record_outputs(monkeypatch)
    module().losses(batch())
    module(losses=label_losses(affinity={"weight": 1})).losses(batch())
    module(losses=label_losses(**BOTH)).losses(batch())
    module(losses=label_losses(**BOTH), embedding="backbone").losses(batch())
    assert asked[1] == asked[0]
    assert asked[2] == [*asked[0], "segmentation_features"]
    assert asked[3] == [*asked[0], "features"]
    weights = AuxSegNetLossWeights(refined_segmentation=0, refined_saliency=0)
    alone = AuxSegNetModule(network(), Optimizer(), weights, label_losses=label_losses(affinity={"weight": 1}))
    found = alone.losses(batch())
    assert asked[-1] == ["class_logits", "saliency_logits", "segmentation_logits", "refined_segmentation_logits"]
    assert "refined_segmentation" not in found


def test_loss_is_the_weighted_sum_of_its_parts() -> None:
    settings = {"affinity": {**BOTH["affinity"], "decay": "exp10"}, "reassign": {**BOTH["reassign"], "ramp": 0.5}}
    for step, ramp in ((0, 0.0), (1, 0.5), (2, 1.0), (3, 1.0)):
        made = module(step, label_losses(**settings))
        found = made.losses(mixed())
        own = sum(found[name] for name in made.weights)
        further = 3 * 10 ** (-step / 4) * found["adaptive_affinity"] + 5 * ramp * found["label_reassign"]
        assert found["loss"].item() == pytest.approx((own + further).item(), rel=1e-5)
        assert [name for name, value in found.items() if value.requires_grad] == ["loss"]


@pytest.mark.parametrize("affinity", ["cross_task", "off"])
@pytest.mark.parametrize("confidence", ["seg", "none"])
def test_affinity_is_that_of_the_best_segmentation_and_the_round_s_labels(affinity: str, confidence: str) -> None:
    losses = label_losses({"weight": 1, "offset": 1, "confidence": confidence})
    made, given = module(losses=losses, affinity=affinity), mixed()
    found = made.losses(given)
    logits = getattr(made.network(to_input(given["images"])), made.network.segmentation_output)
    probabilities, labels = logits.softmax(1), nearest(given["labels"], (4, 4), onto=made.network.grid)
    weights = probabilities.amax(1) if confidence == "seg" else None
    expected = adaptive_affinity_loss(probabilities, labels, weights, 1)
    assert found["adaptive_affinity"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert expected > 0


@pytest.mark.parametrize(("embedding", "output"), [("segmentation", "segmentation_features"), ("backbone", "features")])
def test_labels_are_reassigned_by_the_embeddings_that_are_set(embedding: str, output: str) -> None:
    made, given = module(losses=label_losses(reassign=BOTH["reassign"]), embedding=embedding), mixed()
    found = made.losses(given)
    vectors = getattr(made.network(to_input(given["images"])), output)
    expected = label_reassign_loss(
        vectors, given["labels"], given["targets"], min_points=1, margin=0.0, grid=made.network.grid
    )
    assert found["label_reassign"].item() == pytest.approx(expected.loss.item(), rel=1e-5)
    row = made.epoch_row()
    assert row["reassigned"] == pytest.approx(float(expected.changed.sum() / expected.labelled.sum()))
    assert set(row) == {"reassigned", *(f"reassigned {name}" for name in NAMES)}


@pytest.mark.parametrize(("apply_to", "step"), [("embedding", 3), ("all", 3), ("drop", 3), ("all", 1)])
def test_which_losses_see_reassigned_labels(apply_to: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def record(probabilities: Tensor, labels: Tensor, *_: Any, **__: Any) -> Tensor:
        seen.append(labels)
        return probabilities.sum() * 0

    monkeypatch.setattr("wsss.training.label_losses.adaptive_affinity_loss", record)
    settings = {**BOTH, "reassign": {**BOTH["reassign"], "apply_to": apply_to, "ramp": 0.5}}
    made, given = module(step, label_losses(**settings)), mixed()
    found = made.losses(given)
    output = made.network(to_input(given["images"]))
    result = label_reassign_loss(
        output.segmentation_features,
        given["labels"],
        given["targets"],
        min_points=1,
        margin=0.0,
        grid=made.network.grid,
    )
    assert result.changed.sum() > 0
    # during the ramp, which step 1 lies in, the others keep the labels of the round
    moved = apply_to != "embedding" and step == 3
    learned = reassigned_labels(given["labels"], result, drop=apply_to == "drop") if moved else given["labels"]
    for name in CROSS_ENTROPIES:
        expected = segmentation_cross_entropy(getattr(output, f"{name}_logits"), learned, grid=made.network.grid)
        assert found[name].item() == pytest.approx(expected.item(), rel=1e-5)
    of_affinity = learned if apply_to == "all" else given["labels"]
    assert torch.equal(seen[0], nearest(of_affinity, (4, 4), onto=made.network.grid))


class _Stripes:
    """Stripes of all classes, two pixels wide, so that images have several of them."""

    def __getitem__(self, image_id: str) -> np.ndarray:
        height, width = NoiseImages().size(image_id)
        return (np.arange(width) // 2 % 3).astype(np.uint8)[None].repeat(height, 0)


class _Stopped(AuxSegNetModule):
    """Sends SIGTERM to its own process in the given call; may lose its centroids when it goes on."""

    def __init__(self, *args: Any, signal_at: int, forget: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self._left, self._forget = signal_at, forget

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().losses(batch)

    def take_over(self, state: Mapping[str, Any], device: torch.device) -> None:
        kept = {name: value for name, value in state.items() if name != "memory"} if self._forget else state
        super().take_over(kept, device)


def _train(folder: Path, *, signal_at: int = 0, forget: bool = False) -> tuple[dict[str, Tensor], TrainingResult]:
    settings = TrainAuxsegnet.parse(
        {
            "epochs": 2,
            "batch_size": 4,
            "optimizer": {"learning_rate": 0.0001},
            "adaptive_affinity": {"weight": 1, "offset": 1},
            "label_reassign": {"weight": 1, "scope": "ema", "min_points": 1, "margin": 0.0, "apply_to": "all"},
        }
    )
    folder.mkdir(exist_ok=True)
    made = _Stopped(
        network(),
        settings.optimizer,
        settings.loss_weights,
        label_losses=LabelLosses(settings.adaptive_affinity, settings.label_reassign, NAMES),
        signal_at=signal_at,
        forget=forget,
    )
    context = RunContext(device="cpu", workers=0, seed=3, checkpoint_minutes=60)
    images = NoiseImages()
    data = TrainingImages(
        images,
        images.ids("train"),
        Augmentation(crop_size=64, scale=(3.0, 4.0)),
        seed=3,
        labels=_Stripes(),
        saliency=NoiseMaps(images, saliency=True),
        image_labels=True,
    )
    result = run_training(made, data, None, description="auxsegnet", settings=settings, context=context, folder=folder)
    return {name: value.clone() for name, value in made.network.state_dict().items()}, result


def test_going_on_after_a_stop_gives_the_same_weights_and_numbers(tmp_path: Path) -> None:
    whole, expected = _train(tmp_path / "whole")
    with pytest.raises(Interrupted, match="stopped by SIGTERM"):
        _train(tmp_path / "parts", signal_at=4)
    shutil.copytree(tmp_path / "parts", tmp_path / "forgetful")
    parts, found = _train(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(parts[name], value), name
    assert found.rows == expected.rows
    assert found.epochs == expected.epochs
    assert [row["epoch"] for row in found.epochs] == [1.0, 2.0]
    assert max(row["reassigned"] for row in found.epochs) > 0
    # the moving average is part of what it goes on with
    without, _ = _train(tmp_path / "forgetful", forget=True)
    assert not all(torch.equal(without[name], value) for name, value in whole.items())


def test_a_weight_alone_switches_a_loss_on() -> None:
    settings = TrainAuxsegnet.parse({"adaptive_affinity": {"weight": 1}, "label_reassign": {"weight": 0.5}})
    assert settings.adaptive_affinity.confidence == "seg"
    losses = LabelLosses(settings.adaptive_affinity, settings.label_reassign, NAMES)
    assert losses.attracts and losses.reassigns
    assert TrainAuxsegnet().adaptive_affinity.weight == TrainAuxsegnet().label_reassign.weight == 0
