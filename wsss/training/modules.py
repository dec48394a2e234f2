"""What is optimised: a network, its losses, and its optimiser, for Lightning's trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from wsss.config import Optimizer
from wsss.losses import segmentation_cross_entropy
from wsss.training.schedule import build_optimizer


def to_input(images: Tensor) -> Tensor:
    """Float images in [0, 1], channels last, from uint8 (N, 3, H, W); on the device that the batch is on."""
    return images.to(dtype=torch.float32, memory_format=torch.channels_last).div_(255)


class TrainingModule(LightningModule):
    """A network and its optimiser; a subclass says what the losses are.

    Args:
        network: Has `parameter_groups()`; takes images in [0, 1].
        optimizer: Its settings.
    """

    def __init__(self, network: nn.Module, optimizer: Optimizer) -> None:
        super().__init__()
        self.network: nn.Module
        # convolutions are fastest in this layout, on processors and on GPUs
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer_settings = optimizer

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The `loss` to minimise, and parts of it by name that are worth a curve."""
        raise NotImplementedError

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """One step of Lightning's loop."""
        return self.losses(batch)

    def configure_optimizers(self) -> Any:
        """The optimiser; its rates are set step by step in `wsss.training.session`."""
        groups = self.network.parameter_groups()  # type: ignore[operator]
        return build_optimizer(self.optimizer_settings, groups)


class ClassifierModule(TrainingModule):
    """Multi-label soft margin loss on image-level labels."""

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of `images` (N, 3, H, W) uint8 and `targets` (N, C) in {0, 1}."""
        logits = self.network(to_input(batch["images"])).logits
        return {"loss": functional.multilabel_soft_margin_loss(logits.float(), batch["targets"])}


class SegmenterModule(TrainingModule):
    """Cross entropy on label maps, at their resolution."""

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of `images` (N, 3, H, W) and `labels` (N, H, W), both uint8."""
        return {"loss": segmentation_cross_entropy(self.network(to_input(batch["images"])), batch["labels"])}
