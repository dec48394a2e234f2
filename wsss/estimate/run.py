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
from wsss.config.backbone_names import names_of_timm
from wsss.context import RunContext
from wsss.data.steps import loading_processes
from wsss.estimate.calls import Workplace
from wsss.estimate.counts import Counts, mean_pixels
from wsss.estimate.jobs import Job, jobs_of
from wsss.estimate.measure import TIME_IS_UP, Measured, measure, prepare, starting
from wsss.estimate.sample import LARGER_CROPS, LEVELS, Level, make_sample, sample_settings
from wsss.estimate.scaling import Estimate, Trial, estimate
from wsss.estimate.speed import backbone_of, first_level, look
from wsss.plan import Plan

FIRST_SHARE, SHARE = 0.35, 0.8
"""Shares of the time that is left which the first sample and a further one may take, by what is guessed before."""
SALIENCY_SHARE = 0.25
"""The same for a network that makes saliency, which may first be downloaded."""
GROWTH = 0.5
"""How much of what tiny images take grows with their pixels, about."""
LAZY = ("torchvision.transforms.v2",)
"""Modules that stages import where they use them."""
LOADER = "wsss.stages.inference"
"""What a process imports that loads images for a network at inference."""
SELDOM = 1e6
"""Minutes between states of a sample's training, which has none."""
JOB_SHARE = 0.6
"""Share of the time that is left which one job may take, so that those after it have some."""

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
        limit: Seconds that this may take, importing included.

    Raises:
        InputError: If the sample cannot be made.
    """
    start = time.monotonic()
    end = start + limit
    jobs, _ = jobs_of(plan)
    light, heavy = starting("wsss.stages.index"), prepare(_modules(plan, jobs))
    loader = starting(LOADER).own if any(_loaders(plan, job, counts, context) for job in jobs) else 0
    trials, tried = {job.artifact: list[Trial]() for job in jobs}, list[Level]()
    folder = Path(tempfile.mkdtemp(prefix="wsss-estimate-"))
    try:
        speed = look(plan, jobs, folder, context, end - time.monotonic())
        left = end - time.monotonic()
        level: Level | None = first_level(plan, jobs, counts, speed, context, device, FIRST_SHARE * left)
        while level is not None:
            work = _workplace(jobs, plan, counts, context, level, device, folder / f"level{LEVELS.index(level)}")
            # what does nothing item by item takes as long on any sample, and nothing is made of it
            again = [job for job in jobs if _tells_more(trials[job.artifact])]
            latest = list(_try_all(again, work, end))
            for trial in latest:
                trials[trial.job.artifact].append(trial)
            tried.append(level)
            level = _next_level(latest, tried, context, SHARE * (end - time.monotonic()))
            if level is None and work.level.few:
                for trial in _try_larger(latest, work, end):
                    trials[trial.job.artifact].append(trial)
            shutil.rmtree(work.folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for job in jobs:
        # stages without a network import none of the libraries that take long
        own = light if backbone_of(plan, job) is None else heavy
        found = estimate(sorted(trials[job.artifact], key=_work), own, _workers(plan, job, context))
        # the images of a sample are too few for processes that load them, or that work on them without a network
        beside = loader * _loaders(plan, job, counts, context)
        if own is light and not trials[job.artifact][-1].workers:
            beside += light.own * _workers(plan, job, context)
        rows.append(found if found.seconds is None else replace(found, memory=found.memory + beside))
    return RunEstimate(rows, time.monotonic() - start)


def _tells_more(trials: Sequence[Trial]) -> bool:
    """Return whether another trial would tell more: items were seen, or the last trial came to no end."""
    return not trials or bool(trials[-1].items or trials[-1].measured.error)


def _modules(plan: Plan, jobs: Sequence[Job]) -> list[str]:
    """List what the stages of a run import, also where they use it: once for all processes."""
    networks = [own.name for job in jobs if (own := backbone_of(plan, job)) is not None]
    lazy = [*LAZY, *(["timm"] if any(name in names_of_timm() for name in networks) else [])]
    return [*(f"wsss.stages.{name}" for name in dict.fromkeys(job.artifact.stage for job in jobs)), *lazy]


def _workers(plan: Plan, job: Job, context: RunContext) -> int:
    """Return the processes that a job of the run starts; superpixels take no more than there are threads."""
    workers = plan.config.runtime.workers
    return min(workers, context.threads) if isinstance(job.settings, Saliency) else workers


def _loaders(plan: Plan, job: Job, counts: Counts, context: RunContext) -> int:
    """Return the processes that load images for the network that a job of the run asks, beside those of a sample."""
    if backbone_of(plan, job) is None or job.training is not None:
        return 0
    images = counts.val if job.artifact.split == "val" else counts.train
    return loading_processes(images, max(1, images // context.batch_size), plan.config.runtime.workers)


def _workplace(
    jobs: Sequence[Job], plan: Plan, counts: Counts, context: RunContext, level: Level, device: str, folder: Path
) -> Workplace:
    """Make the sample of a level."""
    stands_for = jobs_of(plan)[1]
    workers = level.workers(context.workers)
    sample = make_sample(folder / "data", counts, level.images(_batches(jobs, context), device, workers))
    # on a processor the size of a batch hardly matters, and single images show the pace behind what is read ahead
    one = 1 if device == "cpu" else context.batch_size
    # the state that a training saves every few minutes must not fall into one of its few steps
    own = replace(context, workers=workers, batch_size=one, checkpoint_minutes=SELDOM)
    return Workplace(folder, plan, stands_for, sample, counts, level, own, device)


def _try_all(jobs: Sequence[Job], work: Workplace, end: float) -> Iterator[Trial]:
    """Measure the jobs one after the other, while there is time."""
    for number, job in enumerate(jobs):
        missing, left = work.missing(job), end - time.monotonic()
        left *= max(JOB_SHARE, 1 / (len(jobs) - number))
        own = work
        if work.level.few and backbone_of(work.plan, job) is None:
            # processes that start afresh import for longer than they work on few images
            own = replace(work, context=replace(work.context, workers=0))
        if left <= 0:
            found = Measured(error=TIME_IS_UP)
        elif missing:
            found = Measured(error=f"not measured: it needs {missing[0].stage}")
        else:
            found = _measure(job, own, left)
        yield _tried(job, found, own)


def _try_larger(trials: Sequence[Trial], work: Workplace, end: float) -> Iterator[Trial]:
    """Try trainings once more on larger crops, where all jobs were tried on small ones and time is left.

    A training sees crops of any size of the images that are there, and most of a run is its steps.
    """
    found = [trial for trial in trials if trial.job.training is not None and not trial.measured.error]
    for number, trial in enumerate(found):
        left = SHARE * (end - time.monotonic()) / (len(found) - number)
        for crop in LARGER_CROPS:
            level = replace(work.level, crop=crop)
            if crop > work.level.crop_share and _seconds_at(trial, level, [trial], work.context) <= left:
                larger = replace(work, level=level)
                yield _tried(trial.job, _measure(trial.job, larger, end - time.monotonic()), larger)
                break


def _tried(job: Job, found: Measured, work: Workplace) -> Trial:
    logger.info("%s: %s", job.name, found.error or f"{found.seconds:.1f} s on a sample")
    return Trial(job, found, work.counts, work.sample, work.level, work.device, work.context.workers)


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
        return LEVELS[-1] if LEVELS[-1] not in tried and left > 0 else None
    for level in (*above, *below):
        if sum(_seconds_at(trial, level, latest, context) for trial in latest) <= left:
            return level
    return None


def _seconds_at(trial: Trial, level: Level, latest: Sequence[Trial], context: RunContext) -> float:
    """Guess how long a job takes at another level."""
    images = level.images(
        _batches([item.job for item in latest], context), trial.device, level.workers(context.workers)
    )
    sample = replace(trial.sample, train=images)
    if trial.job.training is not None:
        settings = sample_settings(trial.job.training, sample, trial.counts, level, trial.device)
        pixels = settings.augmentation.side**2 * settings.batch_size  # type: ignore[attr-defined]
        times = pixels / trial.pixels
    else:
        pixels = mean_pixels(sample.sizes, sample.max_side(trial.counts, level))
        times = pixels / trial.image_pixels * images / trial.sample.train
    return trial.alone + (1 + GROWTH * (times - 1)) * sum(items.seconds * items.seen for items in trial.items)


def _work(trial: Trial) -> float:
    """Sort trials by how much of the work they do at a time, the least first."""
    return trial.pixels


def _batches(jobs: Sequence[Job], context: RunContext) -> list[int]:
    return [*(job.training.batch_size for job in jobs if job.training is not None), context.batch_size]
