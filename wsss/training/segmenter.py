"""The loss of a standard segmentation network in training."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from wsss.losses.segmentation import segmentation_cross_entropy
from wsss.models.segmenter import Segmenter
from wsss.training.module import TrainingModule, to_input
from wsss.training.processes import whole_batch


class SegmenterModule(TrainingModule[Segmenter]):
    """Cross entropy on label maps, at their resolution."""

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss of `images` (N, 3, H, W) and `labels` (N, H, W), both uint8, and `inside` (N, H, W) bool."""
        logits = self.network(to_input(batch["images"]), inside=batch["inside"])
        loss = segmentation_cross_entropy(
            logits, batch["labels"], grid=self.network.grid, whole=whole_batch(), weights=self.class_weights
        )
        return {"loss": loss}
