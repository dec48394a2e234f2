"""Images per second of every stage that asks a network, beside the network's own forward passes on the same shapes.

A stage is called on few images and on many, and its rate is that of the difference: what it takes to begin (loading a
checkpoint, starting loaders) counts once, whether it labels two hundred photographs or ten thousand. That time is
printed beside. Loading from the disk, finishing and writing count. All shapes were seen before times are taken.
"""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.machine import seconds
from benchmarks.gpu.networks import RESNET38, TINY, lite0, save_networks
from benchmarks.gpu.photographs import photographs, saliency, voc
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from wsss.config import Cams, Crf, Protocol, SegmenterLabels
from wsss.config.aalr import AalrLabels
from wsss.config.rounds import UpdateLabels
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.models import AALR, AuxSegNet, Classifier, Segmenter
from wsss.models.network import Network
from wsss.ops.cams import scaled_images
from wsss.stages.aalr_labels import aalr_labels
from wsss.stages.cams import cams
from wsss.stages.forward import PIXELS_PER_FORWARD, Forward
from wsss.stages.inference import resolve_device, size_batches
from wsss.stages.predict import predict
from wsss.stages.segmenter_labels import segmenter_labels
from wsss.stages.update_labels import update_labels
from wsss.training.checkpoint import load_model

LEAST = 0.8
PHOTOGRAPHS = 200
FAST, SLOW, TINY_COUNTS = (200, 1200), (40, 200), (2, 4)
"""Few and many images: where a small network is asked once, where it takes longer, for tiny sizes."""
SHORT = 2.5
"""Seconds."""
FIVE = Protocol(scales=(0.5, 0.75, 1.0, 1.25, 1.5), flip=True, crf=Crf())
Output = dict[str, Path]
"""Paths of an index, of saliency maps of its images, and of the artifact to write."""


@dataclass(frozen=True)
class Stage:
    """A stage, and what its network is asked for.

    Attributes:
        what: Its name, for people.
        run: Calls it, with its paths and the context.
        network: Class of its network.
        checkpoint: The network.
        ask: Asks the network for what the stage does.
        scales: Scales at which it asks.
        flip: Whether it also asks for mirrored images.
        counts: How many images are few, and how many are many.
    """

    what: str
    run: Callable[[Output, RunContext], None]
    network: type[Network]
    checkpoint: Path
    ask: Callable[[Any, Tensor], Any]
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    counts: tuple[int, int] = FAST


def rows(setup: Setup) -> Iterator[Row]:
    """Yield the rates of all stages and their ratios."""
    # loaders start as copies of a process that has this
    multiprocessing.set_forkserver_preload(["wsss.stages.inference"])
    context = RunContext(device=setup.device, workers=setup.workers)
    device = resolve_device(context)
    photos = photographs(setup, TINY_COUNTS[1] if setup.small else PHOTOGRAPHS)
    data = _Data(setup, photos)
    names = load_dataset(data.paths(TINY_COUNTS[0])["index"]).class_names
    folder = Path(setup.folder)
    models = save_networks(folder / "networks", TINY if setup.small else lite0(), names)
    large = models if setup.small else save_networks(folder / "large", RESNET38, names)
    for stage in _stages(models, large["train_segmenter"]):
        few, many = TINY_COUNTS if setup.small else stage.counts
        first, forward = _forward_rates(stage, data.paths(many), context, device)
        rate, start = _stage_rate(stage, data, few, many, context)
        further = {"images/s": rate, "images/s forward": forward, "at first": first, "s to begin": start}
        yield Row(stage.what, rate / forward, "of the forward rate", least=LEAST, further=further)


class _Data:
    """Makes the data sets that are asked for, each once, and paths to write to that are new each time."""

    def __init__(self, setup: Setup, photos: list[Path]) -> None:
        self._setup, self._photos = setup, photos
        self._made: dict[int, Output] = {}
        self._outputs = 0

    def paths(self, count: int) -> Output:
        """Return the paths of so many images, and that of an artifact that is not there yet."""
        if count not in self._made:
            name = f"images{count}"
            self._made[count] = {
                "index": voc(self._setup, name, self._photos, count),
                "saliency": saliency(self._setup, name, self._photos, count),
            }
        self._outputs += 1
        return {**self._made[count], "output": Path(self._setup.folder, f"output{self._outputs}.h5")}


def _stage_rate(stage: Stage, data: _Data, few: int, many: int, context: RunContext) -> tuple[float, float]:
    """Return images per second, and the seconds that the stage takes to begin and to end."""
    # made before times are taken
    data.paths(many)
    few_images, many_images = (partial(_call, stage, data, count, context) for count in (few, many))
    few_images()
    less, more = (_settled_seconds(call, context.device) for call in (few_images, many_images))
    # on tiny sizes, readings may fall the other way round
    each = max(more - less, 1e-6) / (many - few)
    return 1 / each, less - few * each


def _call(stage: Stage, data: _Data, count: int, context: RunContext) -> None:
    stage.run(data.paths(count), context)


def _settled_seconds(call: Callable[[], None], device: str) -> float:
    """Time a call; take the median of three where it is so short that a hiccup counts."""
    taken = [seconds(call, device)]
    if taken[0] < SHORT:
        taken += [seconds(call, device) for _ in range(2)]
    return statistics.median(taken)


@torch.inference_mode()
def _forward_rates(stage: Stage, paths: Output, context: RunContext, device: torch.device) -> tuple[float, float]:
    """Return images per second of the network alone, in batches and parts of the shapes that the stage has.

    The first rate is that of meeting these shapes anew, as far as no stage before has met them.
    """
    dataset = load_dataset(paths["index"])
    network, _ = load_model(stage.checkpoint, stage.network)
    network = network.on(device)
    ids = dataset.ids("train")
    batches = size_batches(dataset, ids, context.batch_size, PIXELS_PER_FORWARD[device.type] // 2)
    shapes = [(len(batch), 3, *dataset.network_size(batch[0])) for batch in batches]
    call = partial(_pass, Forward(device, context), partial(stage.ask, network), shapes, stage, device)
    return len(ids) / seconds(call, device.type), len(ids) / seconds(call, device.type)


def _pass(
    forward: Forward,
    ask: Callable[[Tensor], Any],
    shapes: Sequence[tuple[int, ...]],
    stage: Stage,
    device: torch.device,
) -> None:
    for shape in shapes:
        images = torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
        for scaled in scaled_images(images, stage.scales):
            forward.parts(ask, torch.cat([scaled, scaled.flip(-1)]) if stage.flip else scaled)


def _stages(models: dict[str, Path], large: Path) -> Iterator[Stage]:
    """Yield the stages; those that take long come last."""
    classifier, segmenter = models["train_classifier"], models["train_segmenter"]
    auxsegnet, aalr = models["train_auxsegnet"], models["train_aalr"]
    own, theirs, maps = SegmenterLabels(), AalrLabels(), Cams()
    yield Stage("predict, one scale", _predict(segmenter, Protocol()), Segmenter, segmenter, Segmenter.segment)
    words = "predict, one scale, large network"
    yield Stage(words, _predict(large, Protocol()), Segmenter, large, Segmenter.segment, counts=SLOW)

    def label(paths: Output, context: RunContext) -> None:
        segmenter_labels(own, segmenter=segmenter, context=context, **paths)

    yield Stage("segmenter_labels", label, Segmenter, segmenter, Segmenter.segment, own.scales, own.flip)

    def label_by_aalr(paths: Output, context: RunContext) -> None:
        aalr_labels(theirs, index=paths["index"], model=aalr, output=paths["output"], context=context)

    yield Stage("aalr_labels", label_by_aalr, AALR, aalr, AALR.segment, theirs.scales, theirs.flip)

    def update(paths: Output, context: RunContext) -> None:
        update_labels(UpdateLabels(), model=auxsegnet, context=context, **paths)

    yield Stage("update_labels", update, AuxSegNet, auxsegnet, _refined)

    def activate(paths: Output, context: RunContext) -> None:
        cams(maps, index=paths["index"], classifier=classifier, output=paths["output"], context=context)

    yield Stage(
        "cams, four scales and flip", activate, Classifier, classifier, _activated, maps.scales, maps.flip, SLOW
    )
    words = "predict, five scales, flip and CRF"
    yield Stage(words, _predict(segmenter, FIVE), Segmenter, segmenter, Segmenter.segment, FIVE.scales, FIVE.flip, SLOW)


def _predict(model: Path, protocol: Protocol) -> Callable[[Output, RunContext], None]:
    def run(paths: Output, context: RunContext) -> None:
        predict(protocol, index=paths["index"], model=model, split="train", output=paths["output"], context=context)

    return run


def _activated(network: Classifier, images: Tensor) -> object:
    return network(images, cams=True)


def _refined(network: AuxSegNet, images: Tensor) -> object:
    assert network.saliency_output is not None
    return network(images, outputs=["cams", network.saliency_output, "pairwise_affinity"])
