"""The losses of AA&LR in training: first classification alone, then all of them on masks of the network's own CAMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss.config.aalr import TrainAalr
from wsss.grid import PIXELS
from wsss.losses.balanced import balanced_cross_entropy
from wsss.losses.classification import multi_label_soft_margin
from wsss.losses.dense_energy import dense_energy_loss
from wsss.losses.label_reassign import reassigned_labels
from wsss.losses.segmentation import segmentation_cross_entropy
from wsss.models.aalr import AALR, EMBEDDINGS, AALROutput
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.ops.upsampling import nearest, upsample
from wsss.training.label_losses import LabelLosses, Reassigned
from wsss.training.mask_maker import MaskMaker
from wsss.training.mask_teacher import MaskTeacher
from wsss.training.module import TrainingModule, to_input
from wsss.training.processes import whole_batch
from wsss.training.schedule import build_optimizer, rate_factor
from wsss.training.second_view import second_view
from wsss.training.stopwatch import Stopwatch

Batch = Mapping[str, Tensor]
CAM_SECONDS, MASK_SECONDS = "extra_cam_seconds", "mask_wait_seconds"
"""Names of the times of a step: passes for CAMs alone, and waiting for masks."""


class AALRModule(TrainingModule[AALR]):
    """Classification, cross entropy on online masks, adaptive affinity and label reassignment, in two phases.

    Args:
        network: To be trained.
        settings: Of the training.
        class_names: Background first.
        steps_per_epoch: Steps in an epoch.
        class_weights: As in `TrainingModule`.
    """

    def __init__(
        self,
        network: AALR,
        settings: TrainAalr,
        *,
        class_names: Sequence[str],
        steps_per_epoch: int,
        class_weights: Tensor | None = None,
    ) -> None:
        super().__init__(network, settings.optimizer, class_weights)
        self.settings = settings
        self.warmup_steps = settings.warmup * steps_per_epoch
        # steps of classification alone, and branches whose loss has no weight
        weights = settings.loss_weights
        classifies_first = self.warmup_steps > 0 or settings.mask_delay > 0
        self.leaves_parameters_unused = classifies_first or not (weights.classification and weights.segmentation)
        self.stopwatch = Stopwatch()
        stored = settings.mask_source == "cams"
        grid = PIXELS if stored else network.grid
        self._maker = MaskMaker(settings.masks, grid, normalize=not stored, background=network.background)
        self.teacher = _teacher(network, settings)
        self.judge = second_view(network.backbone, settings.label_reassign)
        self._label_losses = LabelLosses(settings.adaptive_affinity, settings.label_reassign, class_names)

    # -- schedule

    @property
    def phase(self) -> str:  # type: ignore[override]
        """`classification` or `joint`."""
        return "classification" if self.step < self.warmup_steps else "joint"

    @property
    def joint_progress(self) -> float:
        """How much of the joint phase is done, 0 to 1; negative before it."""
        return (self.step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)

    def rate_factor(self) -> float:
        """Return the factor on the base rates at this step; each phase decays by itself.

        The base rates, with the factors of their groups, are those of the second phase.
        """
        settings = self.settings.optimizer
        if self.step < self.warmup_steps:
            first = settings.warmup_learning_rate / settings.learning_rate
            return first * rate_factor(settings, self.step, min(self.warmup_steps, self.steps))
        return rate_factor(settings, self.step - self.warmup_steps, self.steps - self.warmup_steps)

    def configure_optimizers(self) -> Any:
        """Build the optimiser, whose groups of rates are weights and biases, pretrained, new and the classifier's."""
        settings = self.settings.optimizer
        factors = {"classifier": settings.classifier_multiplier or settings.head_multiplier}
        return build_optimizer(
            settings, self.parameter_groups(), bias_multiplier=settings.bias_multiplier, factors=factors
        )

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters: `pretrained`, `new`, and those of the `classifier` apart."""
        groups = super().parameter_groups()
        classifier = list(self.network.classifier.parameters())
        own = {id(parameter) for parameter in classifier}
        return {**groups, "new": [each for each in groups["new"] if id(each) not in own], "classifier": classifier}

    # -- one step

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compute the losses of `images` (N, 3, H, W) uint8, `targets` (N, C) in {0, 1}, `inside` (N, H, W) bool.

        `cams` (N, C, H, W) uint8, where masks are made of stored CAMs. `labels` (N, H, W), where given, are true masks;
        they are counted and teach nothing. The parts are not weighted.
        """
        if self.step < self.warmup_steps:
            return self._classification(batch)
        learned: tuple[Batch, OnlinePseudoLabels] | None
        if self.settings.mask_delay == 0:
            made = self._ask(batch, self._outputs(cams=True))
            learned = (batch, self._masks(batch, made))
        else:
            learned = self._masks_of_last_step(batch)
            if learned is None:
                return self._classification(batch)
            made = self._ask(learned[0], self._outputs(cams=False))
        return self._joint(made, *learned)

    def _ask(self, batch: Batch, outputs: tuple[str, ...]) -> AALROutput:
        return self.network(to_input(batch["images"]), outputs, batch["inside"])

    def _outputs(self, *, cams: bool) -> tuple[str, ...]:
        """Name the outputs that the joint phase needs, and no more."""
        settings, wanted = self.settings, ["segmentation_logits"]
        if settings.loss_weights.classification > 0:
            wanted.append("class_logits")
        # masks are made of what the network sees in evaluation mode
        own = settings.mask_source == "network" and 1 in settings.masks.scales
        if cams and own and not self.network.backbone.differs_in_training:
            wanted.append("cams")
        if self._label_losses.reassigns:
            wanted.append(EMBEDDINGS[settings.label_reassign.embedding])
        return tuple(wanted)

    def _classification(self, batch: Batch) -> dict[str, Tensor]:
        logits = self._ask(batch, ("class_logits",)).class_logits
        assert logits is not None
        loss = multi_label_soft_margin(logits, batch["targets"], self.object_weights)
        weighted = self.settings.loss_weights.classification * loss
        return {"loss": weighted, "classification": loss.detach()}

    def _masks(self, batch: Batch, made: AALROutput) -> OnlinePseudoLabels:
        device = batch["images"].device
        with self.stopwatch(CAM_SECONDS, device):
            cams = self._cams(batch, made.cams)
        with self.stopwatch(MASK_SECONDS, device):
            return self._maker.make(cams, batch)

    def _masks_of_last_step(self, batch: Batch) -> tuple[Batch, OnlinePseudoLabels] | None:
        """Return the batch of the last step with its masks, and begin those of this step."""
        device = batch["images"].device
        with self.stopwatch(CAM_SECONDS, device):
            cams = self._cams(batch, None)
        with self.stopwatch(MASK_SECONDS, device):
            learned = self._maker.take()
        self._maker.begin(cams, batch)
        return learned

    def _cams(self, batch: Batch, own: Tensor | None) -> Tensor:
        if self.settings.mask_source == "cams":
            return batch["cams"].float() / 255
        images, scales = to_input(batch["images"]), self.settings.masks.scales
        if self.teacher is None:
            return self.network.multi_scale_cams(images, scales, own)
        if self.part == 0:
            self.teacher.follow(self.network)
        return self.teacher.network.multi_scale_cams(images, scales)

    def _joint(self, made: AALROutput, batch: Batch, masks: OnlinePseudoLabels) -> dict[str, Tensor]:
        settings, parts, losses = self.settings, dict[str, Tensor](), self._label_losses
        weights: dict[str, float] = {}
        logits, for_cross_entropy, for_affinity = made.segmentation_logits, masks.labels, masks.labels
        assert logits is not None
        losses.statistics.add_coverage(masks.labels, batch["inside"])
        if made.class_logits is not None:
            parts["classification"] = multi_label_soft_margin(made.class_logits, batch["targets"], self.object_weights)
            weights["classification"] = settings.loss_weights.classification
        if losses.reassigns:
            found = self._reassigned(made, batch, masks.labels)
            parts["label_reassign"], weights["label_reassign"] = found.result.loss, found.weight
            for_cross_entropy, for_affinity = found.for_cross_entropy, found.for_affinity
        if settings.loss_weights.segmentation > 0:
            balanced = settings.cross_entropy == "balanced"
            cross_entropy = balanced_cross_entropy if balanced else segmentation_cross_entropy
            parts["segmentation"] = cross_entropy(
                logits, for_cross_entropy, grid=self.network.grid, whole=whole_batch(), weights=self.class_weights
            )
            weights["segmentation"] = settings.loss_weights.segmentation
        if losses.attracts:
            confidences = {"crf": masks.confidence, "cam": masks.cam_confidence}
            parts["adaptive_affinity"] = losses.affinity(logits, for_affinity, confidences, self.network.grid)
            weights["adaptive_affinity"] = losses.affinity_weight(self.joint_progress)
        if settings.dense_energy.weight > 0:
            parts["dense_energy"] = self._energy(logits, batch, masks)
            weights["dense_energy"] = settings.dense_energy.weight
        if "labels" in batch:
            losses.statistics.add_truth("mask", batch["labels"], masks.labels)
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": total, **{name: part.detach() for name, part in parts.items()}}

    def _reassigned(self, made: AALROutput, batch: Batch, labels: Tensor) -> Reassigned:
        embeddings = getattr(made, EMBEDDINGS[self.settings.label_reassign.embedding])
        judge = None if self.judge is None else self.judge(to_input(batch["images"]))
        found = self._label_losses.reassigned(
            embeddings, labels, batch["targets"], self.joint_progress, self.network.grid, judge
        )
        if "labels" in batch:
            after = reassigned_labels(labels, found.result)
            self._label_losses.statistics.add_truth("reassigned_mask", batch["labels"], after)
        return found

    def _energy(self, logits: Tensor, batch: Batch, masks: OnlinePseudoLabels) -> Tensor:
        settings = self.settings.dense_energy
        size = [max(1, round(length * settings.scale)) for length in batch["images"].shape[2:]]
        larger = upsample(logits, (size[0], size[1]), self.network.grid)
        images = functional.interpolate(batch["images"][:, :3].float(), size, mode="bilinear", antialias=True)
        inside = nearest(batch["inside"], (size[0], size[1]))
        return dense_energy_loss(
            larger.softmax(1),
            images.round().to(torch.uint8),
            nearest(masks.labels, (size[0], size[1])).long(),
            inside,
            sigma_rgb=settings.sigma_rgb,
            sigma_xy=settings.sigma_xy * settings.scale,
        )

    # -- numbers for the log, and the state of a stopped training

    def epoch_row(self) -> dict[str, Any]:
        """Return numbers about the masks since the last call; empty in the first phase."""
        return self._label_losses.statistics.row()

    def take_timings(self) -> dict[str, float]:
        """Return the seconds by name since the last call."""
        return self.stopwatch.take()

    def describe_timings(self, timings: Mapping[str, float]) -> str:
        """Describe the time of a joint step and its waits."""
        steps = timings.get("joint_steps", 0)
        if not steps:
            return ""
        step, cams, masks = (timings.get(name, 0) / steps for name in ("joint_seconds", CAM_SECONDS, MASK_SECONDS))
        return (
            f"a joint step took {step:.3f} s: {cams:.3f} s for passes that make CAMs alone ({cams / step:.0%}), "
            f"{masks:.3f} s waiting for masks ({masks / step:.0%})"
        )

    def extra_state(self) -> dict[str, Any]:
        """Return centroids, counts, a batch whose masks are on the way, and the average that makes masks."""
        average = {} if self.teacher is None else self.teacher.state()
        return {"masks": self._maker.state(), **self._label_losses.state(), "average": average}

    def take_over(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take over the result of `extra_state`."""
        self._maker.load(state["masks"], device)
        self._label_losses.load(state, device)
        if self.teacher is not None:
            self.teacher.load(state["average"])


def _teacher(network: AALR, settings: TrainAalr) -> MaskTeacher[AALR] | None:
    """Return the copy of the network that makes the masks; None where it makes them itself, or they are stored."""
    if settings.mask_source == "average":
        return MaskTeacher(network, settings.average_momentum)
    return MaskTeacher(network, 1.0) if settings.mask_source == "start" else None
