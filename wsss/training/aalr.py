"""What is optimised of AA&LR: a phase of classification, then everything on masks of the network's own CAMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wsss.config import TrainAalr
from wsss.losses import (
    LabelReassignResult,
    adaptive_affinity_loss,
    balanced_cross_entropy,
    dense_energy_loss,
    label_reassign_loss,
    multi_label_soft_margin,
)
from wsss.losses.label_reassign import labels_at, reassigned_labels
from wsss.models import AALR, AALROutput
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.training.mask_maker import MaskMaker
from wsss.training.mask_statistics import MaskStatistics
from wsss.training.modules import TrainingModule, to_input
from wsss.training.schedule import build_optimizer, rate_factor
from wsss.training.stopwatch import Stopwatch

Batch = Mapping[str, Tensor]
CAM_SECONDS, MASK_SECONDS = "extra_cam_seconds", "mask_wait_seconds"
"""Names of the times of a step: passes at other scales, and waiting for masks."""


class AALRModule(TrainingModule):
    """Classification, cross entropy on online masks, adaptive affinity and label reassignment, in two phases.

    Args:
        network: An `AALR`.
        settings: Of the training.
        class_names: Background first.
        steps_per_epoch: Steps in an epoch.
    """

    # the segmentation branch is not used in the first phase
    leaves_parameters_unused = True

    def __init__(self, network: AALR, settings: TrainAalr, *, class_names: Sequence[str], steps_per_epoch: int) -> None:
        super().__init__(network, settings.optimizer)
        self.settings = settings
        self.warmup_steps = settings.warmup * steps_per_epoch
        self.stopwatch = Stopwatch()
        self._maker = MaskMaker(settings.masks)
        self._statistics = MaskStatistics(class_names, settings.label_reassign.warn_above)
        self._memory: Tensor | None = None
        self._resumed: dict[str, Any] = {}

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
        """Each phase decays by itself; the base rates, with the factors of their groups, are those of the second."""
        settings = self.settings.optimizer
        if self.step < self.warmup_steps:
            first = settings.warmup_learning_rate / settings.learning_rate
            return first * rate_factor(settings, self.step, min(self.warmup_steps, self.steps))
        return rate_factor(settings, self.step - self.warmup_steps, self.steps - self.warmup_steps)

    def configure_optimizers(self) -> Any:
        """Four groups of rates: weights and biases, pretrained and new."""
        settings = self.settings.optimizer
        return build_optimizer(settings, self.parameter_groups(), bias_multiplier=settings.bias_multiplier)

    # -- one step

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Of `images` (N, 3, H, W) uint8, `targets` (N, C) in {0, 1} and `inside` (N, H, W) bool.

        `labels` (N, H, W), where given, are true masks; they are counted and teach nothing. The parts are not weighted.
        """
        self._take_over_state()
        if self.step < self.warmup_steps:
            return self._classification(batch)
        learned: tuple[Batch, OnlinePseudoLabels] | None
        if self.settings.mask_delay == 0:
            made = self._network(to_input(batch["images"]), self._outputs(cams=True))
            learned = (batch, self._masks(batch, made))
        else:
            learned = self._masks_of_last_step(batch)
            if learned is None:
                return self._classification(batch)
            made = self._network(to_input(learned[0]["images"]), self._outputs(cams=False))
        return self._joint(made, *learned)

    @property
    def _network(self) -> AALR:
        assert isinstance(self.network, AALR)
        return self.network

    def _outputs(self, *, cams: bool) -> tuple[str, ...]:
        """What the joint phase needs, and no more."""
        settings, wanted = self.settings, ["segmentation_logits"]
        if settings.loss_weights.classification > 0:
            wanted.append("class_logits")
        if cams and 1 in settings.masks.scales:
            wanted.append("cams")
        if settings.label_reassign.weight > 0:
            wanted.append(_EMBEDDINGS[settings.label_reassign.embedding])
        return tuple(wanted)

    def _classification(self, batch: Batch) -> dict[str, Tensor]:
        logits = self._network(to_input(batch["images"]), ("class_logits",)).class_logits
        assert logits is not None
        loss = multi_label_soft_margin(logits, batch["targets"])
        weighted = self.settings.loss_weights.classification * loss
        return {"loss": weighted, "classification": loss.detach()}

    def _masks(self, batch: Batch, made: AALROutput) -> OnlinePseudoLabels:
        device = batch["images"].device
        with self.stopwatch(CAM_SECONDS, device):
            cams = self._cams(batch, made.cams)
        with self.stopwatch(MASK_SECONDS, device):
            return self._maker.make(cams, batch)

    def _masks_of_last_step(self, batch: Batch) -> tuple[Batch, OnlinePseudoLabels] | None:
        """The batch of the last step with its masks; those of this one are begun."""
        device = batch["images"].device
        with self.stopwatch(CAM_SECONDS, device):
            cams = self._cams(batch, None)
        with self.stopwatch(MASK_SECONDS, device):
            learned = self._maker.take()
        self._maker.begin(cams, batch)
        return learned

    def _cams(self, batch: Batch, own: Tensor | None) -> Tensor:
        return self._network.multi_scale_cams(to_input(batch["images"]), self.settings.masks.scales, own)

    def _joint(self, made: AALROutput, batch: Batch, masks: OnlinePseudoLabels) -> dict[str, Tensor]:
        settings, parts = self.settings, dict[str, Tensor]()
        weights: dict[str, float] = {}
        logits, labels, reassign = made.segmentation_logits, masks.labels, settings.label_reassign
        assert logits is not None
        self._statistics.add_coverage(labels, batch["inside"])
        if made.class_logits is not None:
            parts["classification"] = multi_label_soft_margin(made.class_logits, batch["targets"])
            weights["classification"] = settings.loss_weights.classification
        of_cross_entropy = of_affinity = labels
        if reassign.weight > 0:
            result = self._reassigned(made, batch, labels)
            ramp = 1.0 if reassign.ramp == 0 else min(1.0, self.joint_progress / reassign.ramp)
            parts["label_reassign"], weights["label_reassign"] = result.loss, reassign.weight * ramp
            # before the end of the ramp, embeddings say too little to teach the other losses
            if reassign.apply_to != "embedding" and ramp >= 1:
                of_cross_entropy = reassigned_labels(labels, result, drop=reassign.apply_to == "drop")
                of_affinity = of_cross_entropy if reassign.apply_to == "all" else labels
        if settings.loss_weights.segmentation > 0:
            parts["segmentation"] = balanced_cross_entropy(logits, of_cross_entropy)
            weights["segmentation"] = settings.loss_weights.segmentation
        if settings.adaptive_affinity.weight > 0:
            parts["adaptive_affinity"] = self._affinity(logits, of_affinity, masks)
            decay = 10**-self.joint_progress if settings.adaptive_affinity.decay == "exp10" else 1.0
            weights["adaptive_affinity"] = settings.adaptive_affinity.weight * decay
        if settings.dense_energy.weight > 0:
            parts["dense_energy"] = self._energy(logits, batch, masks)
            weights["dense_energy"] = settings.dense_energy.weight
        if "labels" in batch:
            self._statistics.add_truth("mask", batch["labels"], labels)
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": total, **{name: part.detach() for name, part in parts.items()}}

    def _reassigned(self, made: AALROutput, batch: Batch, labels: Tensor) -> LabelReassignResult:
        settings = self.settings.label_reassign
        result = label_reassign_loss(
            getattr(made, _EMBEDDINGS[settings.embedding]),
            labels,
            batch["targets"],
            scope=settings.scope,
            margin=settings.margin,
            temperature=settings.temperature,
            min_points=settings.min_points,
            detach_centroids=settings.detach_centroids,
            memory=self._memory,
            memory_momentum=settings.memory_momentum,
        )
        self._memory = result.memory
        self._statistics.add_reassigned(result)
        if "labels" in batch:
            self._statistics.add_truth("reassigned_mask", batch["labels"], reassigned_labels(labels, result))
        return result

    def _affinity(self, logits: Tensor, labels: Tensor, masks: OnlinePseudoLabels) -> Tensor:
        settings = self.settings.adaptive_affinity
        logits = logits.float()
        if settings.resolution == "image":
            size = (labels.shape[1], labels.shape[2])
            logits = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
        else:
            size = (logits.shape[2], logits.shape[3])
            labels = labels_at(labels, size)
        probabilities = logits.softmax(1)
        confidence: Tensor | None = None
        if settings.confidence == "seg":
            confidence = probabilities.detach().amax(1)
        elif settings.confidence != "none":
            chosen = masks.confidence if settings.confidence == "crf" else masks.cam_confidence
            confidence = functional.interpolate(chosen[:, None], size, mode="nearest-exact")[:, 0]
        return adaptive_affinity_loss(
            probabilities,
            labels,
            confidence,
            settings.offset,
            settings.margin,
            settings.different_weight,
            settings.edge_split,
        )

    def _energy(self, logits: Tensor, batch: Batch, masks: OnlinePseudoLabels) -> Tensor:
        settings = self.settings.dense_energy
        size = [max(1, round(length * settings.scale)) for length in batch["images"].shape[2:]]
        larger = functional.interpolate(logits.float(), size, mode="bilinear", align_corners=False)
        images = functional.interpolate(batch["images"].float(), size, mode="bilinear", antialias=True)
        inside = labels_at(batch["inside"], (size[0], size[1])) > 0
        return dense_energy_loss(
            larger.softmax(1),
            images.round().to(torch.uint8),
            labels_at(masks.labels, (size[0], size[1])),
            inside,
            sigma_rgb=settings.sigma_rgb,
            sigma_xy=settings.sigma_xy * settings.scale,
        )

    # -- what a stopped training goes on with, and what is told of it

    def epoch_row(self) -> dict[str, Any]:
        """Numbers about the masks since the last call; empty in the first phase."""
        return self._statistics.row()

    def take_timings(self) -> dict[str, float]:
        """Seconds by name since the last call."""
        return self.stopwatch.take()

    def describe_timings(self, timings: Mapping[str, float]) -> str:
        """What a joint step waited for."""
        steps = timings.get("joint_steps", 0)
        if not steps:
            return ""
        step, cams, masks = (timings.get(name, 0) / steps for name in ("joint_seconds", CAM_SECONDS, MASK_SECONDS))
        return (
            f"a joint step took {step:.3f} s: {cams:.3f} s for CAMs at other scales ({cams / step:.0%}), "
            f"{masks:.3f} s waiting for masks ({masks / step:.0%})"
        )

    def extra_state(self) -> dict[str, Any]:
        """Centroids, counts, and a batch whose masks are on the way."""
        memory = {} if self._memory is None else {"memory": self._memory.cpu()}
        return {"masks": self._maker.state(), "statistics": self._statistics.state(), **memory}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Takes it over at the first step, when it is known on which device."""
        self._resumed = dict(state)

    def _take_over_state(self) -> None:
        if not self._resumed:
            return
        state, self._resumed = self._resumed, {}
        device = next(self.network.parameters()).device
        self._maker.load(state["masks"], device)
        self._statistics.load(state["statistics"], device)
        if "memory" in state:
            self._memory = state["memory"].to(device)


_EMBEDDINGS = {"segmentation": "embeddings", "backbone": "features"}
"""Setting -> the network's output."""
