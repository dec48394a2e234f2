"""The loss of a classifier in training, and its validation."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wsss.losses.classification import multi_label_soft_margin
from wsss.models.classifier import Classifier
from wsss.models.network import Network
from wsss.training.module import TrainingModule, to_input
from wsss.training.validation import Validation

logger = logging.getLogger(__name__)


class ClassifierModule(TrainingModule[Classifier]):
    """Multi-label soft margin loss on image-level labels."""

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss of `images` (N, 3, H, W) uint8, `inside` (N, H, W) bool, and `targets` (N, C) in {0, 1}."""
        logits = self.network(to_input(batch["images"]), inside=batch["inside"]).logits
        return {"loss": multi_label_soft_margin(logits, batch["targets"], self.object_weights)}


class ClassifierValidation(Validation):
    """Mean average precision over the classes that occur."""

    metric = "map"

    def _ask(self, network: Network, images: Tensor) -> Tensor:
        return network(images).logits

    def _measure(self, outputs: Iterator[tuple[Tensor, dict[str, Tensor]]]) -> dict[str, Any]:
        from torchmetrics.functional.classification import binary_average_precision

        scores, targets = [], []
        for logits, batch in outputs:
            scores.append(logits.float().cpu().sigmoid())
            targets.append(batch["targets"])
        target = torch.cat(targets)
        present = target.any(dim=0)
        # the average precision of a class without positives is not a number
        kept = [int(index) for index in present.nonzero().flatten()]
        per_class: list[float | None] = [None] * target.shape[1]
        score = torch.cat(scores)
        for index in kept:
            per_class[index] = float(binary_average_precision(score[:, index], target[:, index]))
        if len(kept) < len(per_class):
            logger.info("validation: %d classes do not occur and are left out", len(per_class) - len(kept))
        found = [value for value in per_class if value is not None]
        names = self.class_names[1:]
        return {
            "map": float(np.mean(found)) if found else None,
            "classes_left_out": [name for name, value in zip(names, per_class, strict=True) if value is None],
            "average_precision": dict(zip(names, per_class, strict=True)),
            **self._describe(),
        }
