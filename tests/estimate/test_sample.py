"""The sample: as many photographs as asked for, of the data set's own size, and settings that fit it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import make_land, make_voc
from wsss.config import Cams, FolderData, SeedLabels, Tiles, TrainSegmenter, VocData
from wsss.data import load_dataset
from wsss.data.windows import Photograph
from wsss.estimate.counts import Counts, Said, count
from wsss.estimate.sample import LEVELS, Level, Sample, make_sample, sample_settings
from wsss.grid import snapped_size
from wsss.stages.index import index
from wsss.stages.tiling import tiles_of


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
    before = {path: changes(path) for path in (tmp_path / "voc").rglob("*")}
    sample = make_sample(tmp_path / "data", counts, 8)
    index(sample.data(counts, LEVELS[0]), output=tmp_path / "sample.h5")
    own, real = load_dataset(tmp_path / "sample.h5"), load_dataset(tmp_path / "index.h5")
    first = own.ids("train")[0], real.ids("train")[0]
    assert np.array_equal(own.image(first[0]), real.image(first[1]))
    assert np.array_equal(own.mask(first[0]), real.mask(first[1]))  # type: ignore[arg-type]
    assert {path: changes(path) for path in before} == before


def changes(path: Path) -> tuple[int, int, int]:
    """What a change of a file changes; that it is read changes only when it was read."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@pytest.mark.parametrize(
    ("bands", "values"), [((1, 2, 3, 5), None), ((4, 3, 2), (0.0, 4095.0)), ((1,), None), (None, (0.0, 1.0))]
)
def test_drawn_photographs_have_the_bands_and_values_that_the_settings_name(
    bands: tuple[int, ...] | None, values: tuple[float, float] | None, tmp_path: Path
):
    data = FolderData(root="nowhere", bands=bands, range=values)
    counts = count(data, Path("nowhere.h5"), Said(100, 20, 3, (60, 80)))
    sample = make_sample(tmp_path / "data", counts, 2)
    index(sample.data(counts, LEVELS[0]), output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    image = dataset.network_image(dataset.ids("train")[0])
    assert image.shape == (64, 96, max(3, len(bands or ())))
    # they are scenes, neither black nor white
    assert 20 < image.mean() < 235


@pytest.mark.parametrize("indexed", [False, True])
def test_data_without_background_have_a_sample_without_it(indexed: bool, tmp_path: Path):
    data = FolderData(root=str(make_land(tmp_path / "land", train=6, val=3)), masks="masks", background=False)
    if indexed:
        index(data, output=tmp_path / "index.h5")
    counts = count(data, tmp_path / "index.h5", Said())
    assert (counts.dataset is not None) == indexed
    sample = make_sample(tmp_path / "data", counts, 8)
    index(sample.data(counts, LEVELS[0]), output=tmp_path / "sample.h5")
    dataset = load_dataset(tmp_path / "sample.h5")
    assert not dataset.background
    masks = [dataset.mask(image_id) for image_id in (*dataset.ids("train"), *dataset.ids("val"))]
    assert len(masks) == 12 and all(mask is not None and mask.all() for mask in masks)


def test_an_image_has_as_many_tiles_as_in_the_run():
    counts = Counts(10, 2, 3, [(3000, 4000)], 4096, "")
    sample = Sample(Path(), 8, 4, [(3000, 4000)], (), masks=True)
    for tiles in (Tiles(side=1024), Tiles(side=1024, overlap=256)):
        settings = Cams(tiles=tiles)
        for level in (Level(1.0, 2), Level(0.5, 2), Level(0.25, 2)):
            own = sample_settings(settings, sample, counts, level, "cpu")
            assert isinstance(own, Cams) and own.tiles is not None
            size = tuple(round(side * level.share) for side in (3000, 4000))
            assert number_of_tiles(own.tiles, size) == number_of_tiles(tiles, (3000, 4000))


def number_of_tiles(tiles: Tiles, size: tuple[int, ...]) -> int:
    photograph = Photograph.__new__(Photograph)
    photograph.size, photograph._pictures = (8, 8), [Image.new("RGB", (8, 8))]
    return len(list(tiles_of(photograph, snapped_size((size[0], size[1])), tiles, torch.device("cpu"))))


def test_few_images_and_steps_are_enough_where_networks_are_slow():
    least = LEVELS[-1]
    assert (least.images([16, 8], "cpu", 8), least.steps("cpu"), least.workers(8)) == (3, 2, 1)
    assert LEVELS[0].images([16, 8], "cpu", 8) == 32
    assert least.workers(0) == 0


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


def test_weights_of_named_classes_go_with_any_names_of_the_sample():
    counts, small = Counts(100, 20, 5, [(320, 320)], 1024, ""), Sample(Path(), 8, 4, [(320, 320)], (), masks=True)
    for given, expected in (({"cat": 2.0}, "auto"), ("auto", "auto"), ("none", "none")):
        settings = TrainSegmenter(class_weights=given)  # type: ignore[arg-type]
        own = sample_settings(settings, small, counts, LEVELS[0], "cpu")
        assert own.class_weights == expected  # type: ignore[attr-defined]
