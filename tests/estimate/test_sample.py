"""The sample: as many photographs as asked for, of the data set's own size, and settings that fit it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers import make_voc
from wsss.config import SeedLabels, TrainSegmenter, VocData
from wsss.data import load_dataset
from wsss.estimate.counts import Counts, Said, count
from wsss.estimate.sample import LEVELS, Level, Sample, make_sample, sample_settings
from wsss.stages.index import index


def test_drawn_photographs_have_the_size_that_is_said(tmp_path: Path):
    counts = Counts(100, 20, 5, [(90, 120)], 1024, "")
    sample = make_sample(tmp_path / "data", counts, 8)
    index(sample.data(counts, LEVELS[0]), output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert (len(dataset.ids("train")), len(dataset.ids("val")), dataset.num_classes) == (8, 4, 5)
    assert {dataset.size(image_id) for image_id in dataset.ids("train")} == {(90, 120)}
    assert dataset.has_masks("val")
    index(sample.data(counts, Level(0.5, 2)), output=tmp_path / "half.h5")
    assert load_dataset(tmp_path / "half.h5").max_side == 60


def test_photographs_of_an_index_are_taken_and_not_changed(tmp_path: Path):
    data = VocData(root=str(make_voc(tmp_path / "voc", train=6, val=3)), classes="classes.txt")
    index(data, output=tmp_path / "index.h5")
    counts = count(data, tmp_path / "index.h5", Said())
    before = {path: path.stat() for path in (tmp_path / "voc").rglob("*")}
    sample = make_sample(tmp_path / "data", counts, 8)
    index(sample.data(counts, LEVELS[0]), output=tmp_path / "sample.h5")
    own, real = load_dataset(tmp_path / "sample.h5"), load_dataset(tmp_path / "index.h5")
    first = own.ids("train")[0], real.ids("train")[0]
    assert np.array_equal(own.image(first[0]), real.image(first[1]))
    assert np.array_equal(own.mask(first[0]), real.mask(first[1]))  # type: ignore[arg-type]
    assert {path: path.stat() for path in before} == before


def test_settings_do_the_same_work_on_less():
    counts = Counts(100, 20, 5, [(320, 320)], 1024, "")
    small = Sample(Path(), 8, 4, [(320, 320)], (), masks=True)
    settings = TrainSegmenter(batch_size=16, augmentation={"crop_size": 256})  # type: ignore[arg-type]
    own = sample_settings(settings, small, counts, Level(0.5, 2), "cpu")
    assert isinstance(own, TrainSegmenter)
    assert (own.augmentation.side, own.batch_size, own.max_steps) == (128, 2, 3)
    assert own.backbone.weights == "none"
    labels = sample_settings(SeedLabels(), small, counts, LEVELS[0], "cpu")
    assert labels.cam_threshold == 0 and labels.saliency_threshold == 0  # type: ignore[attr-defined]
