"""A first look at the speed of the networks, to choose a sample that is as large as the time allows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from wsss.config import Settings, Training
from wsss.config.networks import BackboneSettings
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.estimate.counts import Counts, mean_pixels
from wsss.estimate.jobs import Job
from wsss.estimate.measure import TIME_IS_UP, measure
from wsss.estimate.sample import LEVELS, Level, first_phase
from wsss.files import read_json, write_json
from wsss.plan import Plan
from wsss.stages.settled import crop_size_of

FIRST_LOOK = {"cpu": (1, (64, 96)), "cuda": (8, (320, 320))}
"""Images of a batch, and their sides in pixels, one batch after the other: the first warms up.

A GPU plans its work for each new shape, and small images leave it waiting for the processor.
"""
STEP_PASSES = 3
"""A training step costs about as much as so many forward passes."""
BUILDS = 2
"""A job builds a network, and reads or writes its weights, in about so many times the seconds of building it."""

Speed = Mapping[str, tuple[float, float]]
"""Seconds in which each backbone is built, and per pixel of a forward pass, by its name and stride."""


def look(plan: Plan, jobs: Sequence[Job], folder: Path, context: RunContext, limit: float) -> Speed:
    """Time a forward pass of each backbone, on one small image on a CPU, on a batch on a GPU.

    Raises:
        InputError: If a backbone cannot be built, or the machine does not even do this in time.
    """
    backbones = {_key(own): own for job in jobs if (own := backbone_of(plan, job)) is not None}
    found = folder / "speed.json"
    measured = measure(partial(_time, backbones, context, found), folder, folder / "log.txt", limit)
    if measured.error == TIME_IS_UP:
        raise InputError("the time was up before the speed of the networks was known; give more of it: --seconds 600")
    if measured.error:
        raise InputError(f"the speed of the networks cannot be measured: {measured.error}")
    return {name: (build, forward) for name, (build, forward) in read_json(found).items()}


def _time(backbones: Mapping[str, BackboneSettings], context: RunContext, output: Path) -> None:
    import torch

    from wsss.models.backbones import Backbone
    from wsss.stages.forward import Forward
    from wsss.stages.inference import resolve_device

    device = resolve_device(context)
    forward, (count, sides) = Forward(device, context), FIRST_LOOK[device.type]
    found = dict[str, tuple[float, float]]()
    with torch.inference_mode():
        for name, settings in backbones.items():
            begin = time.monotonic()
            network = Backbone(settings.model_copy(update={"weights": "none"})).to(device).eval()
            build = time.monotonic() - begin
            for side in sides:
                images = torch.rand(count, 3, side, side, device=device)
                start = time.monotonic()
                # the sum waits for a GPU
                float(forward(network, images).sum())
                found[name] = build, (time.monotonic() - start) / images[:, 0].numel()
    write_json(output, found)


def first_level(
    plan: Plan, jobs: Sequence[Job], counts: Counts, speed: Speed, context: RunContext, device: str, limit: float
) -> Level:
    """Return the level with the most work on which networks take no longer, by a guess; the least if none does."""
    batches = [*(job.training.batch_size for job in jobs if job.training is not None), context.batch_size]
    for level in LEVELS:
        images = level.images(batches, device, level.workers(context.workers))
        side = max(max(size) for size in counts.sizes)
        pixels = mean_pixels(counts.sizes, max(32, round(min(side, counts.max_side) * level.share)))
        if sum(_seconds(plan, job, counts, speed, level, images * pixels, device) for job in jobs) <= limit:
            return level
    return LEVELS[-1]


def _seconds(
    plan: Plan, job: Job, counts: Counts, speed: Speed, level: Level, image_pixels: float, device: str
) -> float:
    """Guess how long the network of a job takes at a level, whose images have so many pixels together."""
    backbone = backbone_of(plan, job)
    if backbone is None:
        return 0.0
    build, forward = speed[_key(backbone)]
    pixels = image_pixels * _passes(job.settings)
    if job.training is not None:
        batch = min(job.training.batch_size, level.batch or job.training.batch_size)
        steps = level.steps(device) * (2 if first_phase(job.training, counts.train) else 1)
        crop = crop_size_of(job.training, counts.median_side) * level.crop_share
        pixels = STEP_PASSES * steps * batch * crop**2 + image_pixels
    return BUILDS * build + pixels * forward


def backbone_of(plan: Plan, job: Job) -> BackboneSettings | None:
    """Return the backbone of the network that a job trains or asks; None where it does neither."""
    found = [job.settings, *(plan.settings(item) for item in plan.inputs(job.artifact).values())]
    return next((item.backbone for item in found if isinstance(item, Training)), None)


def _passes(settings: Settings) -> float:
    """Return the forward passes at scale 1 that an image costs."""
    scales = getattr(settings, "scales", (getattr(settings, "scale", 1.0),))
    return sum(scale**2 for scale in scales) * (2 if getattr(settings, "flip", False) else 1)


def _key(backbone: BackboneSettings) -> str:
    return f"{backbone.name} at stride {backbone.output_stride}"
