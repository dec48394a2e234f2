"""Small trainings of every network, each of which one process does alone, or two together.

Without dropout, for its random numbers are each process's own.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, multiprocessing, nn

from tests.training import small_aalr, small_auxsegnet
from tests.training.tiny import NoiseImages, TinyModule, TinyNetwork
from wsss.config import AdaptiveAffinity, LabelReassign, Training
from wsss.config.auxsegnet import AuxSegNetLossWeights
from wsss.context import RunContext
from wsss.data.loaders import TrainingImages
from wsss.errors import Interrupted
from wsss.grid import FeatureGrid
from wsss.models import AALR, Classifier, Segmenter
from wsss.models.norm_relu import NormReLU
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.training import trainer
from wsss.training.aalr import AALRModule
from wsss.training.auxsegnet import AuxSegNetModule
from wsss.training.checkpoint import build_model
from wsss.training.classifier import ClassifierModule
from wsss.training.label_losses import LabelLosses
from wsss.training.module import TrainingModule
from wsss.training.segmenter import SegmenterModule
from wsss.training.trainer import run_training

Found = dict[str, Any]
"""Of a training: `weights` by name, `rows` and `epochs`."""
STEPS = 4
SETTINGS: dict[str, Any] = {
    "batch_size": 4,
    "max_steps": STEPS,
    "epochs": 9,
    # half precision, which `auto` takes where the processor has it, rounds more than two processes may differ by
    "precision": "32",
    "augmentation": {"crop_size": 64, "scale": [2.0, 3.0]},
    # a step in proportion to the gradient, which adaptive rates would make of rounding too
    "optimizer": {"name": "sgd", "learning_rate": 0.01},
}
FROZEN = {"name": "tf_efficientnet_lite0", "weights": "none", "output_stride": 16, "frozen_stages": 6}
TRAINED = {**FROZEN, "frozen_stages": 5, "freeze_batch_norm": False}
RESNET = {**TRAINED, "name": "resnet18", "frozen_stages": 4}


class WithNormReLU(TinyNetwork):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), NormReLU(8), nn.Conv2d(8, 8, 3), NormReLU(8))


def norm_relu(folder: Path) -> Found:
    settings = Training.parse(SETTINGS)
    return train(TinyModule(WithNormReLU(), settings.optimizer), photographs(settings), settings, folder)


def classifier(backbone: Mapping[str, Any], folder: Path, **changes: Any) -> Found:
    settings = Training.parse({**SETTINGS, "backbone": backbone, **changes})
    network = build_model(Classifier, {"backbone": backbone, "dropout": 0.0}, 2, seed=1)
    return train(ClassifierModule(network, settings.optimizer), photographs(settings), settings, folder)


def segmenter(backbone: Mapping[str, Any], folder: Path) -> Found:
    settings = Training.parse({**SETTINGS, "backbone": backbone})
    own = {"head_channels": 8, "atrous_rates": (1, 2), "dropout": 0.0}
    network = build_model(Segmenter, {"backbone": backbone, **own}, 2, seed=1)
    return train(SegmenterModule(network, settings.optimizer), photographs(settings), settings, folder)


def auxsegnet(weights: Mapping[str, float], folder: Path, accumulate: int = 1, **network: Any) -> Found:
    settings = Training.parse({**SETTINGS, "accumulate": accumulate})
    reassign = {"min_points": 1, "ramp": 0.0, "apply_to": "all", "detach_centroids": False}
    module = AuxSegNetModule(
        small_auxsegnet.network(FROZEN, dropout=0.0, **network),
        settings.optimizer,
        AuxSegNetLossWeights.parse(weights),
        label_losses=LabelLosses(
            AdaptiveAffinity(confidence="seg", offset=1), LabelReassign.parse(reassign), small_auxsegnet.NAMES
        ),
    )
    return train(module, photographs(settings), settings, folder)


def aalr(folder: Path, *, stop_at: int = 0, **changes: Any) -> Found:
    settings = small_aalr.parse(**{**SETTINGS, "epochs": 2, "max_steps": None, "optimizer": {}, **changes})
    network = build_model(AALR, {"backbone": FROZEN, **small_aalr.SETTINGS["network"], "dropout": 0.0}, 2, seed=1)
    arguments = {"class_names": small_aalr.NAMES, "steps_per_epoch": 2}
    data = small_aalr.training_images(settings, NoiseImages(8))
    with mock.patch("wsss.training.mask_maker.online_pseudo_labels", masks_of_images):
        if stop_at:
            # one process is asked, and all stop
            signal_at = stop_at if os.environ.get("RANK", "0") == "0" else 0
            try:
                stopped = small_aalr.Stopped(network, settings, **arguments, signal_at=signal_at)
                train(stopped, data, settings, folder)
            except Interrupted:
                network = build_model(
                    AALR, {"backbone": FROZEN, **small_aalr.SETTINGS["network"], "dropout": 0.0}, 2, seed=2
                )
        return train(AALRModule(network, settings, **arguments), data, settings, folder)


def masks_of_images(
    cams: Tensor, targets: Tensor, images: Tensor, settings: Any, inside: Tensor, grid: FeatureGrid, **_: Any
) -> OnlinePseudoLabels:
    """Labels that each image alone decides: those made of CAMs may differ by the rounding of a batch."""
    parts = [
        small_aalr.random_masks(*(t[i : i + 1] for t in (cams, targets, images)), settings, inside[i : i + 1], grid)
        for i in range(len(images))
    ]
    return OnlinePseudoLabels(**{name: torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])})


CASES: dict[str, Callable[[Path], Found]] = {
    "norm_relu": norm_relu,
    "classifier": lambda folder: classifier(FROZEN, folder),
    "classifier, trained normalisation with activation": lambda folder: classifier(TRAINED, folder),
    "classifier, trained normalisation": lambda folder: classifier(RESNET, folder),
    "classifier, accumulated": lambda folder: classifier(FROZEN, folder, accumulate=2),
    "segmenter": lambda folder: segmenter(FROZEN, folder),
    "segmenter, trained normalisation": lambda folder: segmenter(TRAINED, folder),
    "auxsegnet": lambda folder: auxsegnet({}, folder, normalization="batch"),
    "auxsegnet, branches without a loss": lambda folder: auxsegnet(
        {"classification": 0, "saliency": 0, "refined_saliency": 0, "refined_segmentation": 0}, folder
    ),
    "aalr": lambda folder: aalr(folder, measure_masks=True, dense_energy={"weight": 1e-3}),
    "aalr, stopped with masks on the way": lambda folder: aalr(
        folder, stop_at=3, mask_delay=1, measure_masks=True, label_reassign={"scope": "ema"}
    ),
}


def photographs(settings: Training) -> TrainingImages:
    return small_auxsegnet.training_images(NoiseImages(8), **settings.augmentation.model_dump(mode="json"))


def train(module: TrainingModule[Any], data: TrainingImages, settings: Training, folder: Path) -> Found:
    folder.mkdir(parents=True, exist_ok=True)
    # no state but that of a stop and the last
    context = RunContext(device="cpu", workers=0, seed=3, checkpoint_minutes=60)
    result = run_training(module, data, None, description="small", settings=settings, context=context, folder=folder)
    return {"weights": module.network.state_dict(), "rows": result.rows, "epochs": result.epochs}


def train_together(folder: Path) -> dict[str, list[Found]]:
    """Do all cases, one after the other, in one pair of processes; return what each of the two found."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_train_along, (str(folder), port), nprocs=2)  # type: ignore[no-untyped-call]
    found = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    return {name: [of_one[name] for of_one in found] for name in CASES}


def _train_along(rank: int, folder: str, port: int) -> None:
    # as torchrun starts processes
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    meeting = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    os.environ |= {name: str(value) for name, value in (ranks | meeting).items()}
    torch.set_num_threads(1)
    with _two_devices():
        found = {name: case(Path(folder) / name) for name, case in CASES.items()}
    torch.save(found, Path(folder) / f"{rank}.pt")


@contextmanager
def _two_devices() -> Iterator[None]:
    """Let trainings take two processors, and the processes that are there."""
    make = trainer.Trainer

    def along(**options: Any) -> Any:
        return make(**{**options, "strategy": options["strategy"].replace("ddp_spawn", "ddp")})

    with (
        mock.patch.object(trainer, "choose_device", lambda context: ("cpu", [0, 1])),
        mock.patch.object(trainer, "Trainer", along),
    ):
        yield
