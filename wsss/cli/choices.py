"""Say what each training of a config will take for `auto`, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from wsss.config import Training
from wsss.data.sources import input_files
from wsss.data.steps import steps_per_epoch
from wsss.estimate.counts import Counts, Said, count, count_index
from wsss.estimate.jobs import Job, jobs_of
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan
from wsss.stages.settled import crop_size_of, epochs_of, median_side

CHEAP_BYTES = 30_000_000
"""Tables and lists up to this size are read to count images; the annotations of COCO are larger, and take a minute."""


def training_lines(plan: Plan) -> Iterator[str]:
    """Yield a line on the images, then one for each kind of training: epochs, steps, batch, crop size.

    What follows the images follows the index where these settings made it, else the source of the data.

    Raises:
        InputError: If the data cannot be listed, so that stage index would fail.
    """
    jobs = [job for job in jobs_of(plan)[0] if job.training is not None]
    if not jobs:
        return
    counts, known = _counted(plan)
    yield known
    for job in jobs:
        yield _line(job, counts)


def _counted(plan: Plan) -> tuple[Counts | None, str]:
    """Count the images, where that is cheap; and say what was counted, or why nothing was.

    Raises:
        InputError: If the data cannot be listed.
    """
    data, index = plan.config.data, Path(plan.path(Artifact("index")))
    counts = count_index(data, index)
    if counts is None:
        tables = sum(path.stat().st_size for path in input_files(data).values() if path.is_file())
        if tables > CHEAP_BYTES:
            return None, f"images: counted when {index} is made, for their tables have {tables / 1e6:.0f} MB"
        counts = count(data, index, Said())
    if not counts.train:
        return None, f"images: none to train on ({counts.origin})"
    return counts, f"images: {counts.train} to train on, {counts.val} to validate on ({counts.origin})"


def _line(job: Job, counts: Counts | None) -> str:
    settings = cast(Training, job.settings)
    name = job.name + (f" ({job.count} of them)" if job.count > 1 else "")
    if counts is None:
        return f"{name}: {_epochs_unseen(settings)} of {settings.batch_size} images a step, {_crop(settings, None)}"
    epochs = epochs_of(settings, counts.train)
    steps = min(epochs * steps_per_epoch(counts.train, settings.batch_size), settings.max_steps or 10**12)
    batch = min(settings.batch_size, counts.train)
    return f"{name}: {epochs} epochs{_auto(settings)}, {steps} steps of {batch} images, {_crop(settings, counts)}"


def _epochs_unseen(settings: Training) -> str:
    if settings.epochs == "auto":
        return f"at least {settings.auto_epochs} epochs and {settings.auto_steps} steps (`auto` follows the images)"
    return f"{settings.epochs} epochs"


def _crop(settings: Training, counts: Counts | None) -> str:
    if settings.augmentation.crop_size != "auto":
        return f"crops of {settings.augmentation.side} pixels"
    if counts is None:
        return "crops of a size that follows the images (`auto`)"
    if counts.dataset is None:
        # some photographs were looked at
        return f"crops of about {crop_size_of(settings, counts.median_side)} pixels (`auto`)"
    side = median_side(counts.dataset, counts.dataset.ids("train"))
    return f"crops of {crop_size_of(settings, side)} pixels (`auto`)"


def _auto(settings: Training) -> str:
    return " (`auto`)" if settings.epochs == "auto" else ""
