"""The losses of a round of AuxSegNet in training: those of its tasks, and those of AA&LR where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from wsss.config import Optimizer
from wsss.config.auxsegnet import AuxSegNetLossWeights
from wsss.losses.auxsegnet import LOSSES, auxsegnet_losses
from wsss.models.auxsegnet import AuxSegNet
from wsss.training.label_losses import LabelLosses
from wsss.training.module import TrainingModule, to_input
from wsss.training.processes import whole_batch
from wsss.training.second_view import SecondView

EMBEDDINGS = {"segmentation": "segmentation_features", "backbone": "features"}
"""Setting -> the network's output that label reassignment takes."""


class AuxSegNetModule(TrainingModule[AuxSegNet]):
    """The five losses of AuxSegNet and, beyond its papers, adaptive affinity and label reassignment.

    Args:
        network: To be trained.
        optimizer: Its settings.
        weights: Factors on the five losses.
        released_rate_groups: Whether the fusion layers learn as slowly as the pretrained ones.
        label_losses: The other two; None leaves them out.
        embedding: Key of `EMBEDDINGS`.
        judge: By which labels are reassigned; None leaves it to the embeddings.
        class_weights: As in `TrainingModule`.
    """

    def __init__(
        self,
        network: AuxSegNet,
        optimizer: Optimizer,
        weights: AuxSegNetLossWeights,
        *,
        released_rate_groups: bool = False,
        label_losses: LabelLosses | None = None,
        embedding: str = "segmentation",
        judge: SecondView | None = None,
        class_weights: Tensor | None = None,
    ) -> None:
        super().__init__(network, optimizer, class_weights)
        factors = weights.model_dump()
        self.weights = {
            name: factors[name] for name, output in LOSSES.items() if factors[name] > 0 and output in network.available
        }
        # without its loss, a branch is there and not trained
        self.leaves_parameters_unused = len(self.weights) < len(set(LOSSES.values()) & set(network.available))
        self.released_rate_groups = released_rate_groups
        self._label_losses, self._embedding = label_losses, EMBEDDINGS[embedding]
        self.judge = judge

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        It holds `images` (N, 3, H, W), `labels` and `saliency` (N, H, W), `targets` (N, C), `inside` (N, H, W) bool.
        Images and maps are uint8, targets 0 or 1. Saliency is needed only where the network has that branch, targets
        only where it classifies or labels are reassigned. The parts are not weighted.
        """
        own = [LOSSES[name] for name in self.weights]
        outputs = [*own, *(name for name in self._further_outputs() if name not in own)]
        found = self.network(to_input(batch["images"]), outputs, batch["inside"])
        further, weights, labels = self._further(found, batch)
        parts = auxsegnet_losses(
            {name: getattr(found, name) for name in own},
            targets=batch.get("targets"),
            labels=labels,
            saliency=batch.get("saliency"),
            grid=self.network.grid,
            whole=whole_batch(),
            weights=self.class_weights,
        )
        parts, weights = parts | further, self.weights | weights
        total = torch.stack([factor * parts[name] for name, factor in weights.items()]).sum()
        return {"loss": total, **{name: part.detach() for name, part in parts.items()}}

    @property
    def progress(self) -> float:
        """How much of the training is done, 0 to 1."""
        return self.step / max(self.steps, 1)

    def _further_outputs(self) -> list[str]:
        """Name the outputs of the network that the losses of AA&LR need."""
        losses, outputs = self._label_losses, list[str]()
        if losses is not None and losses.attracts:
            outputs.append(self.network.segmentation_output)
        if losses is not None and losses.reassigns:
            outputs.append(self._embedding)
        return outputs

    def _further(self, found: Any, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, float], Tensor]:
        """Compute the losses of AA&LR; also return their weights, and the labels (N, H, W) to learn."""
        losses, labels = self._label_losses, batch["labels"]
        parts, weights = dict[str, Tensor](), dict[str, float]()
        if losses is None:
            return parts, weights, labels
        for_affinity = labels
        if losses.reassigns:
            embeddings = getattr(found, self._embedding)
            judge = None if self.judge is None else self.judge(to_input(batch["images"]))
            made = losses.reassigned(embeddings, labels, batch["targets"], self.progress, self.network.grid, judge)
            parts["label_reassign"], weights["label_reassign"] = made.result.loss, made.weight
            labels, for_affinity = made.for_cross_entropy, made.for_affinity
        if losses.attracts:
            logits = getattr(found, self.network.segmentation_output)
            parts["adaptive_affinity"] = losses.affinity(logits, for_affinity, grid=self.network.grid)
            weights["adaptive_affinity"] = losses.affinity_weight(self.progress)
        return parts, weights, labels

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """See `AuxSegNet.parameter_groups`."""
        return self.network.parameter_groups(released=self.released_rate_groups)

    def epoch_row(self) -> dict[str, Any]:
        """Return the share of reassigned labels since the last call, in all and by class."""
        return {} if self._label_losses is None else self._label_losses.statistics.row()

    def extra_state(self) -> dict[str, Any]:
        """Return centroids and counts of label reassignment."""
        return {} if self._label_losses is None else self._label_losses.state()

    def take_over(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take over the result of `extra_state`."""
        if self._label_losses is not None:
            self._label_losses.load(state, device)
