"""The two losses of AA&LR on label maps of any origin: AA&LR itself and AuxSegNet's rounds share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wsss.config import AdaptiveAffinity, LabelReassign
from wsss.grid import PIXELS, FeatureGrid
from wsss.losses import LabelReassignResult, adaptive_affinity_loss, label_reassign_loss
from wsss.losses.label_reassign import reassigned_labels
from wsss.ops.upsampling import nearest, upsample
from wsss.training.mask_statistics import MaskStatistics
from wsss.training.processes import whole_batch


@dataclass(frozen=True)
class Reassigned:
    """The outcome of label reassignment in one step.

    Attributes:
        result: Of the loss function; its loss is not weighted.
        weight: Factor on the loss at this step.
        for_cross_entropy: (N, H, W), the labels for the cross entropy to learn.
        for_affinity: (N, H, W), the labels for the affinity loss to learn.
    """

    result: LabelReassignResult
    weight: float
    for_cross_entropy: Tensor
    for_affinity: Tensor


class LabelLosses:
    """Adaptive affinity and label reassignment of one training, with their state from step to step.

    Args:
        affinity: Settings of the adaptive affinity loss.
        reassign: Settings of the label reassign loss.
        class_names: Background first.

    Attributes:
        attracts: Whether there is an adaptive affinity loss.
        reassigns: Whether there is a label reassign loss.
        statistics: Counts reassigned labels; a training may count more there.
    """

    def __init__(self, affinity: AdaptiveAffinity, reassign: LabelReassign, class_names: Sequence[str]) -> None:
        self.attracts, self.reassigns = affinity.weight > 0, reassign.weight > 0
        self.statistics = MaskStatistics(class_names, reassign.warn_above)
        self._affinity, self._reassign = affinity, reassign
        self._memory: Tensor | None = None

    def reassigned(
        self,
        embeddings: Tensor,
        labels: Tensor,
        image_labels: Tensor,
        progress: float,
        grid: FeatureGrid = PIXELS,
        judge: Tensor | None = None,
    ) -> Reassigned:
        """Compute the label reassign loss, and the labels that the other losses see.

        Args:
            embeddings: (N, D, h, w).
            labels: (N, H, W), background first, or 255.
            image_labels: (N, C) in {0, 1}.
            progress: How much is done of the training that the losses take part in, 0 to 1.
            grid: Where the embeddings lie.
            judge: (N, D', h, w), the embeddings by which labels change, where these are others.
        """
        settings = self._reassign
        result = label_reassign_loss(
            embeddings,
            labels,
            image_labels,
            scope=settings.scope,
            margin=settings.margin,
            temperature=settings.temperature,
            min_points=settings.min_points,
            detach_centroids=settings.detach_centroids,
            memory=self._memory,
            memory_momentum=settings.memory_momentum,
            judge=judge,
            grid=grid,
            whole=whole_batch(),
        )
        self._memory = result.memory
        self.statistics.add_reassigned(result)
        ramp = 1.0 if settings.ramp == 0 else min(1.0, progress / settings.ramp)
        for_cross_entropy = for_affinity = labels
        # before the end of the ramp, embeddings say too little to teach the other losses
        if settings.apply_to != "embedding" and ramp >= 1:
            for_cross_entropy = reassigned_labels(labels, result, drop=settings.apply_to == "drop")
            for_affinity = for_cross_entropy if settings.apply_to == "all" else labels
        return Reassigned(result, settings.weight * ramp, for_cross_entropy, for_affinity)

    def affinity(
        self,
        logits: Tensor,
        labels: Tensor,
        confidences: Mapping[str, Tensor] | None = None,
        grid: FeatureGrid = PIXELS,
    ) -> Tensor:
        """Compute the adaptive affinity loss, a scalar, not weighted.

        Args:
            logits: (N, C + 1, h, w), before the softmax.
            labels: (N, H, W), background first, or 255.
            confidences: (N, H, W) by the name of the source, for sources beside `seg` and `none`.
            grid: Where the logits lie.
        """
        settings = self._affinity
        assert settings.offset is not None, "settings.at_stride makes a number of it"
        logits = logits.float()
        if settings.resolution == "image":
            size = (labels.shape[1], labels.shape[2])
            logits, grid = upsample(logits, size, grid), PIXELS
        else:
            size = (logits.shape[2], logits.shape[3])
            labels = nearest(labels, size, onto=grid)
        probabilities = logits.softmax(1)
        confidence: Tensor | None = None
        if settings.confidence == "seg":
            confidence = probabilities.detach().amax(1)
        elif settings.confidence != "none":
            chosen = (confidences or {})[settings.confidence]
            confidence = nearest(chosen, size, onto=grid)
        return adaptive_affinity_loss(
            probabilities,
            labels,
            confidence,
            settings.offset,
            settings.margin,
            settings.different_weight,
            settings.edge_split,
            whole=whole_batch(),
        )

    def affinity_weight(self, progress: float) -> float:
        """Return the factor on the adaptive affinity loss.

        Args:
            progress: As in `reassigned`.
        """
        decay = 10**-progress if self._affinity.decay == "exp10" else 1.0
        return self._affinity.weight * decay

    def state(self) -> dict[str, Any]:
        """Return centroids and counts, for a stopped training to go on with."""
        memory = {} if self._memory is None else {"memory": self._memory.cpu()}
        return {"statistics": self.statistics.state(), **memory}

    def load(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take over the result of `state`; leave other keys alone."""
        self.statistics.load(state["statistics"], device)
        if "memory" in state:
            self._memory = state["memory"].to(device)
