"""Training steps: time, memory and arithmetic of both methods, and of the released form of AuxSegNet beside it."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.auxsegnet_step import plain_normalisation, step
from benchmarks.gpu.machine import free_memory, peak_mib, seconds
from benchmarks.gpu.photographs import pixels
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from benchmarks.released_auxsegnet import iccv_forward
from wsss.config.aalr import TrainAalr
from wsss.config.rounds import TrainAuxsegnet
from wsss.models import AALR, AuxSegNet
from wsss.training.aalr import MASK_SECONDS, AALRModule
from wsss.training.auxsegnet import AuxSegNetModule
from wsss.training.checkpoint import build_model
from wsss.training.module import TrainingModule

CLASSES = 20
NAMES = ["background", *map(str, range(CLASSES))]
SLOWER = 1.02
"""Most time beside the released form: not slower, but for what a reading varies by."""
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Network:
    """A backbone and its stride, with the side of the crops."""

    name: str
    stride: int
    crop: int

    @property
    def backbone(self) -> dict[str, Any]:
        """Settings of the backbone, with random weights; ResNet38 is trained from its second part on."""
        frozen = 1 if self.name == "resnet38d" else 0
        return {"name": self.name, "weights": "none", "output_stride": self.stride, "frozen_stages": frozen}

    def __str__(self) -> str:
        return f"{self.name}, stride {self.stride}, crop {self.crop}"


@dataclass(frozen=True)
class Timing:
    """What steps of one kind cost.

    Attributes:
        seconds: Of a step.
        mib: Most memory; not a number on a CPU.
        operations: Floating-point operations of a step in convolutions and matrix products.
    """

    seconds: float
    mib: float
    operations: float

    def row(self, what: str, batch: int) -> Row:
        """Return the figures."""
        further = {
            "images/s": batch / self.seconds,
            "MiB": self.mib,
            "TFLOP/s": self.operations / self.seconds / 1e12,
        }
        return Row(what, 1e3 * self.seconds, "ms a step", further=further)


def rows(setup: Setup) -> Iterator[Row]:
    """Yield times of steps, those that are judged first."""
    # as in the package's trainer
    torch.backends.cudnn.benchmark = setup.device == "cuda"
    networks = [Network("resnet38d", 8, 320), Network("tf_efficientnet_lite0", 16, 320)]
    networks = [Network("test_resnet", 16, 64)] if setup.small else networks
    yield from _auxsegnet(setup, networks[0], 2 if setup.small else 4, judged=True)
    yield from _aalr(setup, networks[0], 2 if setup.small else 8, judged=True)
    if not setup.small:
        yield from _auxsegnet(setup, networks[1], 8, judged=True)
        yield from _aalr(setup, networks[1], 8, judged=False)
        yield from _auxsegnet(setup, networks[0], 16, judged=False)


def _auxsegnet(setup: Setup, network: Network, batch: int, *, judged: bool) -> Iterator[Row]:
    """Compare the ICCV network in this package's form with the released one: same parameters, losses, optimiser."""
    inputs = _batch(setup, batch, network.crop)
    found: dict[str, Timing] = {}
    for precision in ("released", "float32", "bf16"):
        if precision == "released":
            call = _released_step(setup, network, inputs)
        else:
            call = _module_step(setup, _auxsegnet_module(network), inputs, precision)
        found[precision] = _timing(setup, call)
        del call
        words = "released form, float32" if precision == "released" else f"AuxSegNet, {precision}"
        yield found[precision].row(f"{words}: {network}, batch {batch}", batch)
    released, single, half = found.values()
    of = f"{network.name}, batch {batch}"
    limits = (SLOWER, 2.5, 0.6) if judged else (None, None, None)
    yield Row(f"{of}: float32 beside released, time", single.seconds / released.seconds, "x", most=limits[0])
    yield Row(f"{of}: bf16 beside released, images/s", released.seconds / half.seconds, "x", least=limits[1])
    yield Row(f"{of}: bf16 beside released, memory", half.mib / released.mib, "x", most=limits[2])


def _aalr(setup: Setup, network: Network, batch: int, *, judged: bool) -> Iterator[Row]:
    """Time joint steps of AA&LR, and their wait for masks by the CRF at half resolution."""
    inputs = _batch(setup, batch, network.crop)
    for precision, delay in (("bf16", 0), ("bf16", 1), ("float32", 0)):
        module = _aalr_module(network, delay)
        timing = _timing(setup, _module_step(setup, module, inputs, precision))
        what = f"AA&LR, {precision}, masks {'a step ahead' if delay else 'at once'}: {network}, batch {batch}"
        yield timing.row(what, batch)
        if precision == "bf16":
            share = _waits(setup, _module_step(setup, module, inputs, precision), module)
            limit = 15 if judged and not delay else None
            yield Row(f"{what}: waits for masks", 100 * share, "% of a step", most=limit)
        del module


def _timing(setup: Setup, call: Callable[[], object]) -> Timing:
    """Measure steps: the first ones search for algorithms, so they count for operations alone."""
    gc.collect()
    free_memory(setup.device)
    with FlopCounterMode(display=False) as counter:
        call()
    for _ in range(0 if setup.small else 2):
        call()
    free_memory(setup.device)
    count, blocks = (1, 1) if setup.small else (5, 3)
    taken = [seconds(partial(_repeat, call, count), setup.device) / count for _ in range(blocks)]
    return Timing(statistics.median(taken), peak_mib(setup.device), counter.get_total_flops())


def _waits(setup: Setup, call: Callable[[], object], module: AALRModule) -> float:
    """Return the share of steps that is spent waiting for masks."""
    count = 1 if setup.small else 8
    call()
    module.take_timings()
    taken = seconds(partial(_repeat, call, count), setup.device)
    return module.take_timings().get(MASK_SECONDS, 0.0) / taken


def _repeat(call: Callable[[], object], count: int) -> None:
    for _ in range(count):
        call()


def _released_step(setup: Setup, network: Network, inputs: Batch) -> Callable[[], object]:
    """Return a step of the released form, which has its memory layout, and images as floats."""
    built = _iccv_network(network).train().to(setup.device)
    parameters = [parameter for parameter in built.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-5)
    batch = {**inputs, "images": inputs["images"].float().div(255).contiguous()}

    def call() -> None:
        with plain_normalisation():
            step(built, optimizer, batch, partial(iccv_forward, released_extras=True))

    return call


def _module_step(setup: Setup, module: TrainingModule[Any], inputs: Batch, precision: str) -> Callable[[], object]:
    """Return a step as the trainer does it."""
    module.to(setup.device).train()
    optimizer = module.configure_optimizers()
    done = iter(range(10**9))

    def call() -> None:
        module.begin_step(next(done) % 1000, 1000)
        with torch.autocast(setup.device, torch.bfloat16, enabled=precision == "bf16"):
            loss = module.losses(inputs)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return call


def _auxsegnet_settings(network: Network) -> TrainAuxsegnet:
    # the stage takes its weights from a checkpoint
    backbone = {**network.backbone, "weights": "auto"}
    optimizer = {"name": "sgd", "learning_rate": 1e-5, "momentum": 0, "weight_decay": 0}
    return TrainAuxsegnet.parse({"backbone": backbone, "network": {"unary_affinity": False}, "optimizer": optimizer})


def _iccv_network(network: Network) -> AuxSegNet:
    values = _auxsegnet_settings(network).network.model_dump(mode="json")
    return build_model(AuxSegNet, {"backbone": network.backbone, **values}, CLASSES)


def _auxsegnet_module(network: Network) -> AuxSegNetModule:
    settings = _auxsegnet_settings(network)
    return AuxSegNetModule(_iccv_network(network), settings.optimizer, settings.loss_weights)


def _aalr_module(network: Network, delay: int) -> AALRModule:
    masks = {"refinement": "crf", "resolution": "half"}
    settings = TrainAalr.parse({"backbone": network.backbone, "warmup_epochs": 0, "masks": masks, "mask_delay": delay})
    values = {"backbone": network.backbone, **settings.network.model_dump(mode="json")}
    built = build_model(AALR, values, CLASSES)
    return AALRModule(built, settings, class_names=NAMES, steps_per_epoch=1000)


def _batch(setup: Setup, count: int, side: int) -> Batch:
    """Make a batch of photographs with one to three classes each, and made-up maps of a few regions."""
    images = torch.stack([_crop(image, side) for image in pixels(setup, count)])
    targets = torch.zeros(count, CLASSES)
    for number in range(count):
        targets[number, [(number + 7 * place) % CLASSES for place in range(1 + number % 3)]] = 1
    random = torch.Generator().manual_seed(1)
    coarse = torch.randint(0, CLASSES + 1, (count, 1, 5, 5), generator=random).float()
    labels = functional.interpolate(coarse, (side, side))[:, 0].to(torch.uint8)
    batch = {
        "images": images,
        "targets": targets,
        "labels": labels,
        "saliency": (labels > 0).to(torch.uint8),
        "inside": torch.ones(count, side, side, dtype=torch.bool),
    }
    return {name: tensor.to(setup.device) for name, tensor in batch.items()}


def _crop(image: np.ndarray, side: int) -> Tensor:
    """Resize a photograph to a crop, (3, side, side) uint8."""
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    resized = functional.interpolate(tensor, (side, side), mode="bilinear", antialias=True)
    return resized[0].round().clamp(0, 255).to(torch.uint8)
