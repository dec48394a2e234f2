"""A network, its losses and its optimiser, as Lightning's trainer takes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from wsss.config import Optimizer
from wsss.models.network import NetworkType
from wsss.training.schedule import build_optimizer, rate_factor


def to_input(images: Tensor) -> Tensor:
    """Turn uint8 images (N, 3, H, W) into floats in [0, 1], channels last, on the device of the batch."""
    return images.to(dtype=torch.float32, memory_format=torch.channels_last).div_(255)


class TrainingModule(LightningModule, ABC, Generic[NetworkType]):
    """A network and its optimiser; a subclass defines the losses.

    Args:
        network: To be trained.
        optimizer: Its settings.
        class_weights: (C + 1,) float32, factors on the classes in the losses, background first; None is 1 for all.

    Attributes:
        class_weights: On the device of the training.
        step: The step that is being done, counted from 0 over all parts of a training.
        steps: Steps in all.
        part: The part of the step, counted from 0, where gradients of several are accumulated.
        phase: Name of the part of a training that the step belongs to, for times; none where there is one part only.
        leaves_parameters_unused: Whether there are steps that give some parameters no gradient.
    """

    leaves_parameters_unused = False
    phase = ""

    class_weights: Tensor | None

    def __init__(self, network: NetworkType, optimizer: Optimizer, class_weights: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.step, self.steps, self.part = 0, 1, 0
        self.network: NetworkType
        # convolutions are fastest in this layout, on processors and on GPUs
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer_settings = optimizer
        self._resumed: dict[str, Any] = {}

    @abstractmethod
    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute the `loss` to minimise, and its parts, by name, that are worth a curve."""

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Do one step of Lightning's loop."""
        if self._resumed:
            state, self._resumed = self._resumed, {}
            self.take_over(state, next(self.network.parameters()).device)
        return self.losses(batch)

    @property
    def object_weights(self) -> Tensor | None:
        """Factors on the classes without background, (C,); None is 1 for all."""
        return None if self.class_weights is None else self.class_weights[1:]

    def begin_step(self, step: int, steps: int) -> None:
        """Set the step that comes next."""
        self.step, self.steps = step, steps

    def rate_factor(self) -> float:
        """Return the factor on the base rate of every group at this step."""
        return rate_factor(self.optimizer_settings, self.step, self.steps)

    def epoch_row(self) -> dict[str, Any]:
        """Return numbers beside the losses since the last call; called at the end of every epoch."""
        return {}

    def take_timings(self) -> dict[str, float]:
        """Return the seconds that parts of the steps took since the last call, by name."""
        return {}

    def describe_timings(self, timings: Mapping[str, float]) -> str:
        """Sum up the times of a whole training in a line for the log; empty if there is nothing to say.

        Args:
            timings: The sums of `take_timings`, and steps and seconds of each phase.
        """
        return ""

    def extra_state(self) -> dict[str, Any]:
        """Return the tensors and plain types that a stopped training needs beside weights and optimiser.

        They stand for all processes of the training, each of which must call it.
        """
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Keep the result of `extra_state` until the first step, when its device is known."""
        self._resumed = dict(state)

    def take_over(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on with the result of `extra_state`, on this device."""

    def configure_optimizers(self) -> Any:
        """Build the optimiser; `wsss.training.session` sets its rates step by step."""
        return build_optimizer(self.optimizer_settings, self.parameter_groups())

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters, `pretrained` and `new`."""
        return self.network.parameter_groups()
