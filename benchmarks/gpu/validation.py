"""Validation beside a training: images per second, and whether it uses cuDNN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.machine import seconds
from benchmarks.gpu.networks import TINY, lite0, save_networks
from benchmarks.gpu.photographs import photographs, voc
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from wsss.config import TrainSegmenter
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.models import Segmenter
from wsss.stages.inference import resolve_device
from wsss.training.checkpoint import load_model
from wsss.training.validation import SegmentationValidation, batch_limits

IMAGES = 320


def rows(setup: Setup) -> Iterator[Row]:
    """Yield rates of the first validation and of a later one, and what cuDNN was set to within."""
    # as in the package's trainer
    torch.backends.cudnn.benchmark = setup.device == "cuda"
    count = 4 if setup.small else IMAGES
    index = voc(setup, "validated", photographs(setup, count), count, split="val", masks=True)
    dataset = load_dataset(index)
    context = RunContext(device=setup.device, workers=setup.workers)
    device = resolve_device(context)
    model = save_networks(Path(setup.folder), TINY if setup.small else lite0(), dataset.class_names)["train_segmenter"]
    network = load_model(model, Segmenter)[0].on(device)
    seen: list[tuple[bool, bool]] = []
    network.register_forward_pre_hook(lambda *_: seen.append(_cudnn()))
    limits = batch_limits(TrainSegmenter.parse({"augmentation": {"crop_size": 320}}), context)
    validation = SegmentationValidation(dataset, "val", dataset.class_names, **limits)
    call = partial(validation, network, device, _precision(setup.device), lambda: None)
    for words in ("the first, which meets every shape anew", "a later one"):
        taken = seconds(call, setup.device)
        further = {"s": taken, "batches": len(validation._batches)}
        yield Row(f"{count} photographs, {words}", count / taken, "images/s", further=further)
    yield Row("batches with cuDNN on", sum(on for on, _ in seen) / len(seen), "of all", least=1, timed=False)
    yield Row("batches that search for algorithms", sum(searches for _, searches in seen), most=0, timed=False)
    after = int(torch.backends.cudnn.benchmark == (setup.device == "cuda"))
    yield Row("cuDNN searches again after it", after, least=1, timed=False)


def _cudnn() -> tuple[bool, bool]:
    return torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark


def _precision(device: str) -> Callable[[], AbstractContextManager[Any]]:
    return partial(torch.autocast, device, torch.bfloat16, enabled=device == "cuda")
