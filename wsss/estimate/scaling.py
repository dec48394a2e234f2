"""Scale what stages took on samples to the whole data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from wsss.config import Training
from wsss.data.steps import steps_per_epoch
from wsss.estimate.counts import Counts, mean_pixels
from wsss.estimate.jobs import Job
from wsss.estimate.measure import Measured, Part, Start
from wsss.estimate.sample import Level, Sample, first_phase, sample_settings
from wsss.stages.settled import crop_size_of, epochs_of


@dataclass(frozen=True)
class Estimate:
    """What the jobs of one kind take.

    Attributes:
        name: Of the first of them.
        count: How many there are.
        seconds: Of one; None where it could not be measured.
        processor: Seconds of the processor of one, in all its processes; None where it could not be measured.
        memory: Most bytes of memory of one, with the processes that it starts.
        gpu_memory: Most bytes of a GPU's memory; 0 without one.
        disk: Bytes that one leaves.
        working_disk: Bytes beside it while it is made.
        how: `measured`, `scaled xN` (pixels at a time) with the number of samples, or why it could not be measured.
    """

    name: str
    count: int
    seconds: float | None
    processor: float | None
    memory: int
    gpu_memory: int
    disk: int
    working_disk: int
    how: str


@dataclass(frozen=True)
class Items:
    """Items of work that cost the same.

    Attributes:
        seconds: Of one on the sample.
        processor: Seconds of the processor of one on the sample.
        seen: How many there were.
        pixels: How many of its pixels are worked on at a time.
        count: How many there are in the whole data set.
        all_pixels: How many pixels each of those has.
    """

    seconds: float
    processor: float
    seen: int
    pixels: float
    count: float
    all_pixels: float


@dataclass(frozen=True)
class Trial:
    """A job on one sample.

    Attributes:
        job: The job.
        measured: What it took.
        counts: Of the real data.
        sample: What it worked on.
        level: How much of the work was done.
        device: `cpu` or `cuda`.
        workers: Processes beside the main one that the sample was worked on with.
    """

    job: Job
    measured: Measured
    counts: Counts
    sample: Sample
    level: Level
    device: str
    workers: int = 0

    @property
    def items(self) -> list[Items]:
        """What it did item by item."""
        return [items for part in self.measured.parts for items in self._of_part(part)]

    @property
    def alone(self) -> float:
        """Seconds beside the items, also those in which work begins."""
        return max(0.0, self.measured.seconds - sum(items.seconds * items.seen for items in self.items))

    @property
    def processor_alone(self) -> float:
        """Seconds of the processor beside the items."""
        return max(0.0, self.measured.processor - sum(items.processor * items.seen for items in self.items))

    @property
    def pixels(self) -> float:
        """Pixels that it works on at a time."""
        return self.items[0].pixels if self.items else self.image_pixels

    @property
    def all_pixels(self) -> float:
        """Pixels that it would work on at a time in the run."""
        return self.items[0].all_pixels if self.items else self.counts.pixels

    @property
    def image_pixels(self) -> float:
        """Pixels of an image of the sample as networks see it."""
        return mean_pixels(self.sample.sizes, self.sample.max_side(self.counts, self.level))

    @property
    def image_factor(self) -> float:
        """How many times as many images the run works on; 1 for a training, whose files do not grow with them."""
        found = [part.total for part in self.measured.parts if part.unit == "images"]
        return self._times(found[0]) if found and self.job.training is None else 1.0

    def _of_part(self, part: Part) -> Iterator[Items]:
        if part.unit == "steps" and self.job.training is not None:
            yield from self._steps(self.job.training, part)
            return
        times = self._times(part.total) if part.unit == "images" else self.counts.val / max(self.sample.val, 1)
        each = _steady(part.seconds), _steady(part.processor)
        yield Items(*each, part.total, self.image_pixels, part.total * times, self.counts.pixels)

    def _steps(self, settings: Training, part: Part) -> Iterator[Items]:
        """Yield the steps of a training's phases."""
        own = sample_settings(settings, self.sample, self.counts, self.level, self.device)
        assert isinstance(own, Training)
        seen = getattr(own, "warmup", 0) * steps_per_epoch(self.sample.train, own.batch_size)
        in_epoch = steps_per_epoch(self.counts.train, settings.batch_size)
        every = min(epochs_of(settings, self.counts.train) * in_epoch, settings.max_steps or 10**12)
        first = min(first_phase(settings, self.counts.train) * in_epoch, every)
        pixels = own.augmentation.side**2 * min(own.batch_size, self.sample.train)
        all_pixels = crop_size_of(settings, self.counts.median_side) ** 2 * min(settings.batch_size, self.counts.train)
        for phase, count in ((slice(seen), first), (slice(seen, None), every - first)):
            if seconds := part.seconds[phase]:
                each = _steady(seconds), _steady(part.processor[phase])
                yield Items(*each, len(seconds), pixels, count, all_pixels)

    def _times(self, total: int) -> float:
        """Return how many times as many images there are of those that the sample has so many of."""
        sample, counts = self.sample, self.counts
        if total == sample.train:
            return counts.train / sample.train
        if total == sample.val:
            return counts.val / sample.val
        return (counts.train + counts.val) / (sample.train + sample.val)


def estimate(trials: Sequence[Trial], start: Start, beside: int = 0) -> Estimate:
    """Estimate a job from its trials.

    What an item takes is a constant and a part that grows with its pixels, where two trials tell them apart; else
    all of it grows.

    Args:
        trials: Of one job, at least one; the one with the most work last.
        start: What it takes until the stage begins.
        beside: Processes that the job starts in the run; memory of those of the sample is scaled to them.
    """
    done = [trial for trial in trials if not trial.measured.error]
    job = trials[-1].job
    if not done:
        return Estimate(job.name, job.count, None, None, 0, 0, 0, 0, trials[-1].measured.error)
    less, most = done[-2] if len(done) > 1 else None, done[-1]
    factor = most.all_pixels / most.pixels
    base = _base_memory(most)
    known = None if less is None else (less.pixels, max(0.0, less.measured.memory - base))
    memory = base + _line(known, (most.pixels, max(0.0, most.measured.memory - base)), most.all_pixels)
    processes = max(beside / most.workers, 1.0) if most.workers else 1.0
    disk = round(most.measured.disk * most.image_factor)
    exact = 0.9 < factor < 1.1 or not most.items
    return Estimate(
        job.name,
        job.count,
        start.seconds + most.alone + sum(_work(less, most, _seconds)),
        start.processor + most.processor_alone + sum(_work(less, most, _processor)),
        round(_as_in_run(max(memory, most.measured.memory), most, start) + processes * most.measured.beside),
        most.measured.gpu_memory,
        disk,
        _state(job.training, disk),
        "measured" if exact else f"scaled x{factor:.3g}" + (" from two samples" if less is not None else ""),
    )


def _as_in_run(memory: float, trial: Trial, start: Start) -> float:
    """Return the memory of a process of the run: it has what the stage imports, in place of what a sample's inherits.

    A copy of a process that has everything imported has its pages, but of files only those that it uses itself.
    """
    return memory - trial.measured.inherited + start.memory if start.memory and trial.measured.inherited else memory


def _work(less: Trial | None, most: Trial, cost: Callable[[Items], float]) -> Iterator[float]:
    """Yield what all items of each kind cost in the run."""
    for number, items in enumerate(most.items):
        before = less.items[number] if less is not None and number < len(less.items) else None
        known = None if before is None else (before.pixels, cost(before))
        yield items.count * _line(known, (items.pixels, cost(items)), items.all_pixels)


def _seconds(items: Items) -> float:
    return items.seconds


def _processor(items: Items) -> float:
    return items.processor


def _line(before: tuple[float, float] | None, known: tuple[float, float], where: float) -> float:
    """Return the value at `where` of the line through two points, which neither falls nor begins below 0.

    Args:
        before: Pixels and value of a smaller trial; None: the line begins at 0.
        known: Of a larger one.
        where: Pixels.
    """
    steepest = known[1] / known[0]
    slope = steepest
    if before is not None and known[0] > 1.05 * before[0]:
        slope = min(max((known[1] - before[1]) / (known[0] - before[0]), 0.0), steepest)
    return known[1] + slope * (where - known[0])


def _steady(seconds: Sequence[float]) -> float:
    """Return the seconds of an item once work has begun: the mean of the last half, without the first item."""
    if len(seconds) < 2:
        return sum(seconds)
    return fmean(seconds[max(1, len(seconds) // 2) :])


def _base_memory(trial: Trial) -> float:
    """Return the bytes that do not grow with pixels: what was there before the first item, gradients, the optimiser."""
    before = max((part.memory for part in trial.measured.parts), default=trial.measured.memory)
    training = trial.job.training
    return before + (0 if training is None else trial.measured.disk + _state(training, trial.measured.disk))


def _state(training: Training | None, weights: int) -> int:
    """Return the bytes of the state that a training keeps until it is done: weights, and what its optimiser holds."""
    if training is None:
        return 0
    copies = 2 if training.optimizer.name == "adamw" else 1 if training.optimizer.momentum else 0
    return (1 + copies) * weights
