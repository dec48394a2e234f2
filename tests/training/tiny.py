"""A network, a data set and a run of training that take a fraction of a second."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss.config import Optimizer, Training
from wsss.context import RunContext
from wsss.data.images import resize_image
from wsss.data.loaders import TrainingImages
from wsss.grid import snapped_size
from wsss.models.network import Network
from wsss.training.module import TrainingModule, to_input
from wsss.training.trainer import TrainingResult, run_training

SETTINGS = {
    "epochs": 3,
    "batch_size": 4,
    "augmentation": {"crop_size": 32, "color_jitter": [0.3, 0.3, 0.3, 0.1]},
    "optimizer": {"learning_rate": 0.05, "warmup_steps": 2, "gradient_clip": 5.0},
}


class NoiseImages:
    """Random images of several sizes with two labels each."""

    ignore_index = 255

    def __init__(self, count: int = 14) -> None:
        self._ids = [f"image{i}" for i in range(count)]

    def ids(self, split: str) -> list[str]:
        return self._ids

    def size(self, image_id: str) -> tuple[int, int]:
        number = self._ids.index(image_id)
        return 12 + number % 3 * 7, 14 + number % 2 * 9

    def network_size(self, image_id: str) -> tuple[int, int]:
        return snapped_size(self.size(image_id))

    def network_image(self, image_id: str) -> np.ndarray:
        return resize_image(self.bounded_image(image_id), self.network_size(image_id))

    def bounded_image(self, image_id: str) -> np.ndarray:
        generator = np.random.default_rng(self._ids.index(image_id))
        return generator.integers(0, 256, (*self.size(image_id), 3), dtype=np.uint8)

    def image_labels(self, image_id: str) -> np.ndarray:
        number = self._ids.index(image_id)
        return np.array([number % 2, number % 3 == 0], np.uint8)

    def mask(self, image_id: str) -> np.ndarray | None:
        number = self._ids.index(image_id)
        return np.full(self.size(image_id), number % 3, np.uint8) if number % 4 else None


class TinyNetwork(Network):
    """Has what makes resuming hard: dropout, and batch normalisation that is trained."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.5))
        self.head = nn.Linear(8, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).mean((-2, -1)))

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"pretrained": list(self.features.parameters()), "new": list(self.head.parameters())}


class TinyModule(TrainingModule[TinyNetwork]):
    """Sends a signal to its own process in the given call."""

    def __init__(self, network: TinyNetwork, optimizer: Optimizer, *, signal_at: int = 0, number: int = 0) -> None:
        super().__init__(network, optimizer)
        self._signal_at, self._number, self._calls = signal_at, number, 0

    def losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self._calls += 1
        if self._calls == self._signal_at:
            os.kill(os.getpid(), self._number)
        return {
            "loss": functional.multilabel_soft_margin_loss(self.network(to_input(batch["images"])), batch["targets"])
        }


def train_tiny(
    folder: Path,
    *,
    signal_at: int = 0,
    number: int = signal.SIGTERM,
    changes: Mapping[str, object] | None = None,
    validation: object = None,
    images: NoiseImages | None = None,
    **context: object,
) -> tuple[dict[str, Tensor], TrainingResult]:
    """Weights and numbers of a training of 9 steps, or of what is left of it in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Training.parse({**SETTINGS, **(changes or {})})
    run = RunContext(device="cpu", **{"seed": 3, "checkpoint_minutes": 0, **context})  # type: ignore[arg-type]
    source = images or NoiseImages()
    module = TinyModule(TinyNetwork(), settings.optimizer, signal_at=signal_at, number=number)
    result = run_training(
        module,
        TrainingImages(source, source.ids("train"), settings.augmentation, seed=run.seed),
        validation,  # type: ignore[arg-type]
        description="tiny",
        settings=settings,
        context=run,
        folder=folder,
    )
    return {name: value.clone() for name, value in module.network.state_dict().items()}, result
