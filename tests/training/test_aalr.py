from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.host_reads import HostReads
from tests.training.small_aalr import BACKBONE, batch, module, network, parse, random_masks, train, training_images
from tests.training.tiny import NoiseImages
from wsss.data.loaders import Draw
from wsss.errors import Interrupted
from wsss.grid import FeatureGrid
from wsss.losses import balanced_cross_entropy, multi_label_soft_margin
from wsss.losses.segmentation import segmentation_cross_entropy
from wsss.models import AALR
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.training.aalr import AALRModule
from wsss.training.module import to_input


class ColouredImages(NoiseImages):
    """Below, where `steady_masks` put the only class of an image, one can see by the colour which it is."""

    def size(self, image_id: str) -> tuple[int, int]:
        return 64, 64

    def bounded_image(self, image_id: str) -> np.ndarray:
        image = super().bounded_image(image_id) // 8
        image[32:, :, self._ids.index(image_id) % 2] += 200
        return image

    def image_labels(self, image_id: str) -> np.ndarray:
        return np.eye(2, dtype=np.uint8)[self._ids.index(image_id) % 2]


def steady_masks(
    cams: Tensor, targets: Tensor, images: Tensor, settings: Any, inside: Tensor, grid: FeatureGrid, **_: Any
) -> OnlinePseudoLabels:
    """Background above, below it the first class that the image shows."""
    labels = torch.zeros(inside.shape, dtype=torch.uint8)
    labels[:, 32:] = (targets.argmax(1) + 1).to(torch.uint8)[:, None, None]
    return OnlinePseudoLabels(labels, torch.ones(labels.shape), torch.ones(labels.shape))


def record_passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], int, bool, bool]]:
    """Outputs, height, training mode and gradient of every forward pass."""
    asked: list[tuple[tuple[str, ...], int, bool, bool]] = []
    forward = AALR.forward

    def record(self: AALR, pixels: Tensor, outputs: Any = (), inside: Any = None) -> Any:
        asked.append((tuple(sorted(outputs)), pixels.shape[2], self.training, torch.is_grad_enabled()))
        return forward(self, pixels, outputs, inside)

    monkeypatch.setattr(AALR, "forward", record)
    return asked


def test_the_first_phase_classifies_and_does_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = record_passes(monkeypatch)
    # masks made in the first phase and thrown away are among the defects of the released codes
    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", lambda *_, **__: pytest.fail("made masks"))
    made = module(step=1).train()
    found = made.losses(batch())
    assert asked == [(("class_logits",), 64, True, True)]
    assert set(found) == {"loss", "classification"}
    assert made.phase == "classification"
    assert made.epoch_row() == {}


def test_a_joint_step_makes_each_scale_once_and_no_unused_output(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = record_passes(monkeypatch)
    module().train().losses(batch())
    assert asked == [
        (("cams", "class_logits", "embeddings", "segmentation_logits"), 64, True, True),
        (("cams",), 32, False, False),
    ]
    asked.clear()
    changes: dict[str, Any] = {"label_reassign": {"weight": 0}, "loss_weights": {"classification": 0}}
    module(masks={"scales": [0.5]}, warmup_epochs=0, **changes).train().losses(batch())
    assert asked == [(("segmentation_logits",), 64, True, True), (("cams",), 32, False, False)]
    asked.clear()
    module(label_reassign={"embedding": "backbone"}).train().losses(batch())
    assert asked[0][0] == ("cams", "class_logits", "features", "segmentation_logits")


@pytest.mark.parametrize("scope", ["batch", "image", "ema"])
@pytest.mark.parametrize("apply_to", ["embedding", "all", "drop"])
def test_a_joint_step_reads_no_value_on_the_host(scope: str, apply_to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", steady_masks)
    made = module(5, label_reassign={"scope": scope, "apply_to": apply_to}, measure_masks=True).train()
    given = batch(measure_masks=True)
    with HostReads() as reads:
        made.losses(given)["loss"].backward()
    assert reads.found == []
    # the numbers of an epoch are read once, at its end
    with HostReads() as reads:
        assert made.epoch_row()["reassigned"] >= 0
    assert "_local_scalar_dense" in reads.found


@pytest.mark.parametrize("delay", [0, 1])
def test_mixed_precision_leaves_no_weight_without_gradient(delay: int) -> None:
    built = network(dropout=0.0)
    made = module(4, built, mask_delay=delay).train()
    with torch.autocast("cpu", torch.bfloat16):
        # with a delay, CAMs without gradient come before the pass that learns, and the first step only classifies
        for _ in range(1 + delay):
            loss = made.losses(batch())["loss"]
    loss.backward()
    learning = {name: weight for name, weight in built.named_parameters() if weight.requires_grad}
    assert {name for name, weight in learning.items() if weight.grad is None or not weight.grad.any()} == set()
    assert all(weight.grad.isfinite().all() for weight in learning.values())  # type: ignore[union-attr]


def test_loss_is_the_weighted_sum_of_its_parts() -> None:
    changes: dict[str, Any] = {
        "loss_weights": {"classification": 0.5, "segmentation": 2.0},
        "adaptive_affinity": {"weight": 3.0, "decay": "exp10"},
        "label_reassign": {"weight": 5.0, "ramp": 0.5},
        "dense_energy": {"weight": 1e-4},
    }
    for step, ramp in ((2, 0.0), (3, 0.5), (4, 1.0), (5, 1.0)):
        found = module(step, network(dropout=0.0), **changes).eval().losses(batch())
        assert set(found) == {
            *("loss", "classification", "segmentation", "adaptive_affinity", "label_reassign"),
            "dense_energy",
        }
        expected = (
            0.5 * found["classification"]
            + 2 * found["segmentation"]
            + 3 * 10 ** (-(step - 2) / 4) * found["adaptive_affinity"]
            + 5 * ramp * found["label_reassign"]
            + 1e-4 * found["dense_energy"]
        )
        assert found["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
        assert [name for name, value in found.items() if value.requires_grad] == ["loss"]


def test_segmentation_learns_from_the_masks_of_this_step(monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = module(label_reassign={"weight": 0}).eval(), batch()
    masks: list[OnlinePseudoLabels] = []
    make = made._maker.make
    monkeypatch.setattr(made._maker, "make", lambda *args: masks.append(make(*args)) or masks[-1])
    found = made.losses(given)
    output = made.network(to_input(given["images"]))
    expected = balanced_cross_entropy(output.segmentation_logits, masks[0].labels, grid=made.network.grid)
    assert found["segmentation"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert (masks[0].labels[~given["inside"]] == 255).all()
    assert not given["inside"].all()
    assert (masks[0].labels[given["inside"]] != 255).any()


@pytest.mark.parametrize("source", ["crf", "cam", "seg", "none"])
@pytest.mark.parametrize("resolution", ["feature", "image"])
def test_every_confidence_at_every_resolution(source: str, resolution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def record(probabilities: Tensor, labels: Tensor, confidence: Tensor | None, *_: Any, **__: Any) -> Tensor:
        seen.append((tuple(labels.shape), None if confidence is None else confidence.requires_grad))
        return probabilities.sum() * 0

    monkeypatch.setattr("wsss.training.label_losses.adaptive_affinity_loss", record)
    module(adaptive_affinity={"confidence": source, "resolution": resolution}).losses(batch())
    side = 4 if resolution == "feature" else 64
    assert seen == [((4, side, side), None if source == "none" else False)]


@pytest.mark.parametrize(("apply_to", "step"), [("embedding", 5), ("all", 5), ("drop", 5), ("all", 3)])
def test_which_losses_see_reassigned_labels(apply_to: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Tensor] = {}

    def record(name: str) -> Any:
        def loss(predictions: Tensor, labels: Tensor, *_: Any, **__: Any) -> Tensor:
            seen[name] = labels
            return predictions.sum() * 0

        return loss

    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", random_masks)
    for home, name in (("aalr", "balanced_cross_entropy"), ("label_losses", "adaptive_affinity_loss")):
        monkeypatch.setattr(f"wsss.training.{home}.{name}", record(name))
    changes: dict[str, Any] = {"adaptive_affinity": {"resolution": "image"}}
    module(step, label_reassign={"apply_to": "embedding"}, **changes).eval().losses(batch())
    plain = dict(seen)
    module(step, label_reassign={"apply_to": apply_to, "ramp": 0.5}, **changes).eval().losses(batch())
    changed = {name: not torch.equal(labels, plain[name]) for name, labels in seen.items()}
    # during the ramp, which step 3 lies in, the others keep the masks' labels
    moved = apply_to != "embedding" and step == 5
    assert changed == {"balanced_cross_entropy": moved, "adaptive_affinity_loss": moved and apply_to == "all"}
    if moved:
        different = seen["balanced_cross_entropy"] != plain["balanced_cross_entropy"]
        assert (seen["balanced_cross_entropy"][different] == 255).all() == (apply_to == "drop")


def test_groups_keep_their_factors_in_both_phases() -> None:
    made = module()
    optimizer = made.configure_optimizers()
    # the released codes pass the decay as the momentum, and lose the factors in the second phase
    assert {group["momentum"] for group in optimizer.param_groups} == {0.9}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0005, 0.0}
    names = {id(parameter): name for name, parameter in made.network.named_parameters()}
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            rates[names[id(parameter)]] = group["base_rate"] / 0.01
    assert rates["classifier.weight"] == rates["segmentation.weight"] == pytest.approx(10)
    assert set(rates) == {name for name, weight in made.network.named_parameters() if weight.requires_grad}
    assert rates["segmentation.bias"] == pytest.approx(20)
    factors = []
    for step in range(6):
        made.begin_step(step, 6)
        factors.append(made.rate_factor())
    assert factors[:2] == pytest.approx([2.0, 2 * 0.5**0.9])
    assert factors[2:] == pytest.approx([1.0, 0.75**0.9, 0.5**0.9, 0.25**0.9])


def test_a_trained_classifier_can_have_a_rate_of_its_own() -> None:
    made = module(optimizer={"classifier_multiplier": 3})
    rates = {
        id(parameter): group["base_rate"] / 0.01
        for group in made.configure_optimizers().param_groups
        for parameter in group["params"]
    }
    assert rates[id(made.network.classifier.weight)] == pytest.approx(3)
    assert rates[id(made.network.segmentation.weight)] == pytest.approx(10)


def test_plain_cross_entropy_is_one_mean() -> None:
    found = module(cross_entropy="plain", label_reassign={"weight": 0}).eval()
    given = batch()
    output = found.network(to_input(given["images"]))
    masks = found._maker.make(found._cams(given, None), given)
    expected = segmentation_cross_entropy(output.segmentation_logits, masks.labels, grid=found.network.grid)
    assert found.losses(given)["segmentation"].item() == pytest.approx(expected.item(), rel=1e-5)


def cams_that_masks_are_made_of(
    made: AALRModule, monkeypatch: pytest.MonkeyPatch, **given: Tensor
) -> tuple[Tensor, Any]:
    seen: list[tuple[Tensor, Any]] = []

    def record(cams: Tensor, *rest: Any, **options: Any) -> OnlinePseudoLabels:
        seen.append((cams, options))
        return random_masks(cams, *rest)

    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", record)
    made.losses({**batch(), **given})
    return seen[0]


@pytest.mark.parametrize(("source", "share"), [("start", 1.0), ("average", 0.75), ("network", 0.0)])
def test_who_makes_the_masks(source: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    built = network()
    changes = {"start": "classifier", "backbone": {**BACKBONE, "weights": "auto"}, "warmup_epochs": 1}
    made = module(built=built, mask_source=source, average_momentum=0.75, **changes).train()
    start = built.classifier.weight.detach().clone()
    with torch.no_grad():
        built.classifier.weight.add_(0.5)
    cams, options = cams_that_masks_are_made_of(made, monkeypatch)
    with torch.no_grad():
        built.classifier.weight.copy_(start + (1 - share) * 0.5)
    expected = built.multi_scale_cams(to_input(batch()["images"]), made.settings.masks.scales)
    assert torch.allclose(cams, expected, atol=1e-5)
    assert options == {"normalize": True, "background": True}


def test_stored_cams_make_masks_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = torch.randint(0, 256, (4, 2, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    asked = record_passes(monkeypatch)
    made = module(mask_source="cams").train()
    cams, options = cams_that_masks_are_made_of(made, monkeypatch, cams=stored)
    assert torch.equal(cams, stored.float() / 255)
    assert options == {"normalize": False, "background": True}
    # the network is asked once, and not for CAMs
    assert [outputs for outputs, *_ in asked] == [("class_logits", "embeddings", "segmentation_logits")]


def test_delayed_masks_are_those_of_the_step_before() -> None:
    made = module(mask_delay=1, built=network(dropout=0.0), label_reassign={"weight": 0}).eval()
    first, second = batch(0), batch(4)
    expected = made._maker.make(made._cams(first, None), first)
    alone = made.losses(first)
    assert set(alone) == {"loss", "classification"}
    with torch.no_grad():
        made.network.classifier.weight.mul_(-1)  # type: ignore[union-attr]
    made.begin_step(3, 6)
    found = made.losses(second)
    output = made.network(to_input(first["images"]), inside=first["inside"])
    assert found["classification"].item() == pytest.approx(
        multi_label_soft_margin(output.class_logits, first["targets"]).item(), rel=1e-5
    )
    assert found["segmentation"].item() == pytest.approx(
        balanced_cross_entropy(output.segmentation_logits, expected.labels, grid=made.network.grid).item(), rel=1e-5
    )
    assert set(made.take_timings()) == {"extra_cam_seconds", "mask_wait_seconds"}
    assert made.take_timings() == {}


def test_a_line_of_the_curves_averages_a_loss_over_the_steps_that_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, steps = train(tmp_path / "steps")
    monkeypatch.setattr("wsss.training.session.MAX_ROWS", 2)
    _, lines = train(tmp_path / "lines")
    assert [row["step"] for row in lines.rows] == [3, 6]
    # of the first three steps, two are of the first phase
    assert lines.rows[0]["segmentation"] == pytest.approx(steps.rows[2]["segmentation"])
    expected = sum(row["classification"] for row in steps.rows[:3]) / 3
    assert lines.rows[0]["classification"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("delay", "source", "judge"),
    [
        (0, "network", {"scope": "ema"}),
        (1, "network", {"scope": "ema"}),
        (0, "average", {"scope": "ema"}),
        # the judge is what the network was before the first step, not before the one it goes on with
        (0, "network", {"judge": "start", "judge_scales": [1.0], "apply_to": "all", "ramp": 0.0}),
    ],
)
def test_going_on_after_a_stop_gives_the_same_weights_and_numbers(
    delay: int, source: str, judge: dict[str, Any], tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "mask_delay": delay,
        "mask_source": source,
        "measure_masks": True,
        "label_reassign": judge,
    }
    whole, expected = train(tmp_path / "whole", **changes)
    for signal_at in (1, 2, 1):
        with pytest.raises(Interrupted, match="stopped by SIGTERM"):
            train(tmp_path / "parts", signal_at=signal_at, **changes)
    parts, found = train(tmp_path / "parts", **changes)
    for name, value in whole.items():
        assert torch.equal(parts[name], value), name
    assert found.rows == expected.rows
    assert found.epochs == expected.epochs
    # the first phase has no masks
    assert [row["epoch"] for row in found.epochs] == [2.0, 3.0]


def test_training_lowers_the_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", steady_masks)
    changes: dict[str, Any] = {
        # whole images and no crops, so that the losses before and after are those of the same pixels
        "augmentation": {"color_jitter": [0, 0, 0, 0], "scale": [1.0, 1.0], "flip": 0.0},
        "optimizer": {"name": "adamw", "learning_rate": 0.0005, "warmup_learning_rate": 0.0005},
    }
    # with four channels a branch may start dead
    built, images = network(channels=16), ColouredImages(10)
    data = training_images(parse(**changes), images)
    examples = [data[Draw(0, i, i)] for i in range(len(data))]
    given = {name: torch.stack([example[name] for example in examples]) for name in examples[0]}

    def losses_without_dropout() -> dict[str, float]:
        with torch.no_grad():
            found = module(built=built, **changes).eval().losses(given)
        return {name: float(value) for name, value in found.items()}

    before = losses_without_dropout()
    train(tmp_path, built=built, images=images, epochs=12, warmup_epochs=2, **changes)
    after = losses_without_dropout()
    for name in ("classification", "segmentation", "adaptive_affinity"):
        # a network that has learned comes below a quarter; one that answers every pixel the same stays above half
        assert after[name] < 0.5 * before[name], name


def unused(made: AALRModule) -> list[str]:
    made.losses(batch())["loss"].backward()
    return [name for name, p in made.network.named_parameters() if p.requires_grad and p.grad is None]


@pytest.mark.parametrize(
    "changes",
    [
        {"warmup_epochs": 0},
        {"warmup_epochs": 1},
        {"warmup_epochs": 0, "mask_delay": 1},
        {"warmup_epochs": 0, "loss_weights": {"classification": 0}},
    ],
)
def test_it_says_when_steps_leave_parameters_without_gradient(changes: dict[str, Any]) -> None:
    made = module(0, **changes).train()
    assert made.leaves_parameters_unused == bool(unused(made))


def test_masks_are_made_of_cams_without_the_dropout_of_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    cams: list[Tensor] = []

    def record(given: Tensor, *rest: Any, **_: Any) -> OnlinePseudoLabels:
        cams.append(given)
        return random_masks(given, *rest)

    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", record)
    built = network()
    built.backbone.parts.append(nn.Dropout2d(0.5))
    made, given = module(built=built).train(), batch()
    expected = built.eval().multi_scale_cams(to_input(given["images"]), made.settings.masks.scales)
    made.train().losses(given)
    assert torch.allclose(cams[0], expected, atol=1e-6)
    # the network learned with dropout all the same
    assert built.training
    assert built.backbone.parts[-1].training
