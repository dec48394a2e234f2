"""From a sample to the whole data set, by numbers that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wsss.config import Cams, Settings, TrainSegmenter
from wsss.config.aalr import TrainAalr
from wsss.estimate.counts import Counts
from wsss.estimate.jobs import Job
from wsss.estimate.measure import Measured, Part, Start
from wsss.estimate.sample import LEVELS, Level, Sample, sample_settings
from wsss.estimate.scaling import Trial, estimate
from wsss.pipeline.artifact import Artifact

COUNTS = Counts(1000, 200, 3, [(320, 320)], 1024, "")
SAMPLE = Sample(Path(), 8, 4, [(320, 320)], ("a", "b", "c"), masks=True)
FULL, HALF = LEVELS[0], Level(0.5, 2)


def trial(stage: str, settings: Settings, level: Level, seconds: float, *parts: Part, **measured: Any) -> Trial:
    job = Job(Artifact(stage), 2, settings)
    return Trial(job, Measured(seconds, parts=list(parts), **measured), COUNTS, SAMPLE, level, "cpu")


def test_images_are_counted_up_without_the_start():
    # the first of 8 images shows how work begins, the last ones how it goes on
    part = Part("images", 8, [3.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5], [2.0, *[0.25] * 7])
    seen = trial("cams", Cams(), FULL, 12.0, part, disk=800, memory=10, processor=5.0)
    found = estimate([seen], start=Start(2.0, 1.5))
    alone = 12.0 - 8 * 0.5
    assert found.seconds == pytest.approx(2.0 + alone + 1000 * 0.5)
    assert found.processor == pytest.approx(1.5 + (5.0 - 8 * 0.25) + 1000 * 0.25)
    assert (found.count, found.disk, found.how) == (2, 100_000, "measured")


def test_what_grows_with_the_pixels_is_told_by_two_samples():
    def of(level: Level, seconds: float) -> Trial:
        return trial("cams", Cams(), level, 8 * seconds, Part("images", 8, [seconds] * 8))

    pixels = {level: of(level, 1.0).pixels for level in (HALF, FULL)}
    assert (pixels[HALF], pixels[FULL]) == (160**2, 320**2)
    # 0.1 s whatever the size, and 0.4 s for a quarter of the pixels
    one = estimate([of(HALF, 0.5)], start=Start())
    assert one.seconds == pytest.approx(1000 * 4 * 0.5)
    assert one.how == "scaled x4"
    quarter = Level(0.25, 2)
    two = estimate([of(quarter, 0.2), of(HALF, 0.5)], start=Start())
    assert two.how == "scaled x4 from two samples"
    slope = (0.5 - 0.2) / (160**2 - 64**2 if of(quarter, 1.0).pixels == 64**2 else 160**2 - of(quarter, 1.0).pixels)
    assert two.seconds == pytest.approx(1000 * (0.5 + slope * (320**2 - 160**2)))
    flat = estimate([of(quarter, 0.5), of(HALF, 0.5)], start=Start())
    assert flat.seconds == pytest.approx(1000 * 0.5)


def test_steps_are_those_of_all_epochs_and_validation_its_own():
    settings = TrainSegmenter(epochs=3, batch_size=8, augmentation={"crop_size": 256})  # type: ignore[arg-type]
    steps, batches = Part("steps", 3, [9.0, 2.0, 2.0]), Part("batches", 2, [1.0, 0.5])
    found = estimate([trial("train_segmenter", settings, FULL, 15.0, steps, batches)], start=Start())
    alone = 15.0 - 3 * 2.0 - 2 * 0.5
    assert found.seconds == pytest.approx(alone + 3 * 125 * 2.0 + 2 * 50 * 0.5)
    limited = settings.model_copy(update={"max_steps": 10})
    found = estimate([trial("train_segmenter", limited, FULL, 15.0, steps, batches)], start=Start())
    assert found.seconds == pytest.approx(alone + 10 * 2.0 + 2 * 50 * 0.5)


def test_two_phases_have_their_own_steps():
    settings = TrainAalr(epochs=4, warmup_epochs=1, batch_size=8, augmentation={"crop_size": 256})  # type: ignore[arg-type]
    own = sample_settings(settings, SAMPLE, COUNTS, FULL, "cpu")
    assert (own.warmup, own.max_steps) == (3, 6)  # type: ignore[attr-defined]
    part = Part("steps", 6, [5.0, 1.0, 1.0, 7.0, 4.0, 4.0])
    found = estimate([trial("train_aalr", settings, FULL, 22.0, part)], start=Start())
    assert found.seconds == pytest.approx(22.0 - 3 * 1.0 - 3 * 4.0 + 125 * 1.0 + 3 * 125 * 4.0)


def test_memory_beyond_the_network_grows():
    settings = TrainSegmenter(epochs=1, batch_size=8, augmentation={"crop_size": 256})  # type: ignore[arg-type]
    part = Part("steps", 3, [1.0] * 3, memory=500)
    optimizer = 100 * (1 + 1 + 2)  # gradients as large as the weights, and AdamW's state
    found = estimate([trial("train_segmenter", settings, HALF, 3.0, part, memory=1100, disk=100)], start=Start())
    own = sample_settings(settings, SAMPLE, COUNTS, HALF, "cpu")
    factor = (256 / own.augmentation.side) ** 2 * 8 / own.batch_size  # type: ignore[attr-defined]
    assert found.memory == pytest.approx(500 + optimizer + factor * (1100 - 500 - optimizer))
    assert (found.disk, found.working_disk) == (100, 300)


def test_processes_beside_the_main_one_are_as_many_as_in_the_run():
    sampled = replace(trial("cams", Cams(), FULL, 1.0, memory=1000, beside=60), workers=2)
    assert estimate([sampled], Start(), 8).memory == 1000 + 60 * 4
    assert estimate([sampled], Start(), 1).memory == 1000 + 60
    assert estimate([replace(sampled, workers=0)], Start(), 8).memory == 1000 + 60


def test_a_process_of_the_run_has_what_its_stage_imports():
    # 300 of 1000 bytes are what the sample's process inherited; one of the run imports 200
    sampled = trial("cams", Cams(), FULL, 1.0, memory=1000, inherited=300)
    assert estimate([sampled], Start(memory=200)).memory == 900
    assert estimate([sampled], Start()).memory == 1000


def test_what_could_not_be_measured_says_why():
    found = estimate([trial("cams", Cams(), FULL, 0.0, error="it needs x")], start=Start(1.0))
    assert (found.seconds, found.how) == (None, "it needs x")
