"""Estimate a whole run, in a limited time."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from wsss.config import Saliency
from wsss.context import RunContext
from wsss.estimate.calls import Workplace
from wsss.estimate.counts import Counts, mean_pixels
from wsss.estimate.jobs import Job, jobs_of
from wsss.estimate.measure import TIME_IS_UP, Measured, measure, prepare, starting_seconds
from wsss.estimate.sample import LEVELS, Level, make_sample, sample_settings
from wsss.estimate.scaling import Estimate, Trial, estimate
from wsss.estimate.speed import backbone_of, first_level, look
from wsss.plan import Plan

FIRST_SHARE, SHARE = 0.35, 0.8
"""Shares of the time that is left which the first sample and a further one may take, by what is guessed before."""
SALIENCY_SHARE = 0.25
"""The same for a network that makes saliency, which may first be downloaded."""
GROWTH = 0.5
"""How much of what tiny images take grows with their pixels, about."""
LAZY = ("torchvision.transforms.v2", "timm", "torch.utils.tensorboard")
"""Modules that stages import where they use them; here once for all processes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunEstimate:
    """What a run takes.

    Attributes:
        rows: Per kind of job, in the order of the pipeline.
        measured_seconds: How long it took to find out.
    """

    rows: Sequence[Estimate]
    measured_seconds: float


def estimate_run(plan: Plan, counts: Counts, context: RunContext, *, device: str, limit: float) -> RunEstimate:
    """Run each kind of job of a run on small samples, and scale what it takes.

    The first sample is as large as a first look at the networks allows; a second one tells what grows with the pixels.
    All is written to a temporary folder, which is removed.

    Args:
        plan: Of the run.
        counts: What the run will work on.
        context: The machine's resources.
        device: `cpu` or `cuda`, what the context's device stands for.
        limit: Seconds that this may take, beside importing.

    Raises:
        InputError: If the sample cannot be made.
    """
    jobs, _ = jobs_of(plan)
    light = starting_seconds("wsss.stages.index")
    heavy = prepare([*(f"wsss.stages.{name}" for name in dict.fromkeys(j.artifact.stage for j in jobs)), *LAZY])
    start, trials, tried = time.monotonic(), {job.artifact: list[Trial]() for job in jobs}, list[Level]()
    folder = Path(tempfile.mkdtemp(prefix="wsss-estimate-"))
    try:
        speed = look(plan, jobs, folder, context, limit)
        left = start + limit - time.monotonic()
        level: Level | None = first_level(plan, jobs, counts, speed, context, device, FIRST_SHARE * left)
        while level is not None:
            place = folder / f"level{LEVELS.index(level)}"
            # what does nothing item by item takes as long on any sample, and nothing is made of it
            again = [job for job in jobs if not trials[job.artifact] or trials[job.artifact][-1].items]
            latest = list(_try_all(again, plan, counts, context, level, device, place, start + limit))
            shutil.rmtree(place)
            for trial in latest:
                trials[trial.job.artifact].append(trial)
            tried.append(level)
            level = _next_level(latest, tried, context, SHARE * (start + limit - time.monotonic()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # stages without a network import none of the libraries that take long
    starts = [light if backbone_of(plan, job) is None else heavy for job in jobs]
    rows = [estimate(sorted(trials[j.artifact], key=_work), own) for j, own in zip(jobs, starts, strict=True)]
    return RunEstimate(rows, time.monotonic() - start)


def _try_all(
    jobs: Sequence[Job],
    plan: Plan,
    counts: Counts,
    context: RunContext,
    level: Level,
    device: str,
    folder: Path,
    end: float,
) -> Iterator[Trial]:
    """Measure the jobs one after the other, while there is time."""
    stands_for = jobs_of(plan)[1]
    sample = make_sample(folder / "data", counts, level.images(_batches(jobs, context), device, context.workers))
    # on a processor the size of a batch hardly matters, and single images show the pace behind what is read ahead
    own = replace(context, batch_size=1) if device == "cpu" else context
    work = Workplace(folder, plan, stands_for, sample, counts, level, own, device)
    for job in jobs:
        missing, left = work.missing(job), end - time.monotonic()
        if left <= 0:
            found = Measured(error=TIME_IS_UP)
        elif missing:
            found = Measured(error=f"not measured: it needs {missing[0].stage}")
        else:
            found = _measure(job, work, left)
        logger.info("%s: %s", job.name, found.error or f"{found.seconds:.1f} s on a sample")
        yield Trial(job, found, counts, sample, level, device)


def _measure(job: Job, work: Workplace, left: float) -> Measured:
    """Measure a job; where a network for saliency cannot be had, superpixels make the maps for those that follow."""
    log, network = work.folder / "log.txt", isinstance(job.settings, Saliency) and job.settings.source == "rembg"
    found = measure(partial(work.run, job), work.folder, log, SALIENCY_SHARE * left if network else left)
    if network and found.error:
        why = found.error if found.error.startswith("not measured") else f"not measured: {found.error}"
        other = replace(job, settings=job.settings.model_copy(update={"source": "superpixels"}))
        measure(partial(work.run, other), work.folder, log, SALIENCY_SHARE * left)
        found = Measured(error=f"{why} (superpixels took its place)")
    return found


def _next_level(latest: Sequence[Trial], tried: Sequence[Level], context: RunContext, left: float) -> Level | None:
    """Return the level that tells the most in the time that is left, judged by the latest trials; None: there is none.

    That is one with more work, else a second one with less: two tell what grows with the pixels.
    """
    above = LEVELS[: min(LEVELS.index(level) for level in tried)]
    below = LEVELS[-1:] if len(tried) == 1 and above and LEVELS[-1] not in tried else ()
    if any(trial.measured.error == TIME_IS_UP for trial in latest):
        return None
    for level in (*above, *below):
        if sum(_seconds_at(trial, level, latest, context) for trial in latest) <= left:
            return level
    return None


def _seconds_at(trial: Trial, level: Level, latest: Sequence[Trial], context: RunContext) -> float:
    """Guess how long a job takes at another level."""
    images = level.images(_batches([item.job for item in latest], context), trial.device, context.workers)
    sample = replace(trial.sample, train=images)
    if trial.job.training is not None:
        settings = sample_settings(trial.job.training, sample, trial.counts, level, trial.device)
        pixels = settings.augmentation.side**2 * settings.batch_size  # type: ignore[attr-defined]
        times = pixels / trial.pixels
    else:
        pixels = mean_pixels(sample.sizes, sample.max_side(trial.counts, level))
        times = pixels / trial.image_pixels * images / trial.sample.train
    return trial.alone + (1 + GROWTH * (times - 1)) * sum(items.seconds * items.seen for items in trial.items)


def _work(trial: Trial) -> int:
    """Sort trials by how much of the work they do, the least first."""
    return -LEVELS.index(trial.level)


def _batches(jobs: Sequence[Job], context: RunContext) -> list[int]:
    return [*(job.training.batch_size for job in jobs if job.training is not None), context.batch_size]
