"""Epochs and crop sizes that are `auto` follow the training images; what a config says stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from wsss.config import TrainClassifier, Training, TrainSegmenter
from wsss.config.aalr import TrainAalr
from wsss.config.rounds import TrainAuxsegnet
from wsss.data.reading import PLAIN, Reading
from wsss.errors import InputError
from wsss.stages.settled import settled


@dataclass
class Images:
    """As much of a data set as counts and sizes need."""

    sizes: list[tuple[int, int]]
    max_side: int = 1024
    reading: Reading = PLAIN
    path: str = "index.h5"
    background: bool = True

    def size(self, image_id: str) -> tuple[int, int]:
        return self.sizes[int(image_id)]


def numbers(settings: Training, sizes: list[tuple[int, int]], **changes: Any) -> tuple[int, int]:
    dataset = Images(sizes, **changes)
    found = settled(settings, dataset, [str(number) for number in range(len(sizes))], stage="test")  # type: ignore[arg-type]
    return found.passes, found.augmentation.side


def test_photographs_of_voc_get_what_was_measured_on_them():
    sizes = [(375, 500), (500, 333), (500, 375)] * 103 + [(281, 500)] * 2
    assert numbers(TrainClassifier(), sizes) == (10, 288)
    assert numbers(TrainSegmenter(), sizes) == (15, 256)
    assert numbers(TrainAuxsegnet(), sizes) == (10, 256)
    assert numbers(TrainAalr(), sizes) == (20, 256)


@pytest.mark.parametrize(("images", "epochs"), [(1, 500), (7, 500), (16, 250), (255, 17), (311, 15), (10582, 15)])
def test_few_images_are_seen_more_often(images: int, epochs: int):
    assert numbers(TrainSegmenter(auto_steps=500, batch_size=8), [(375, 500)] * images)[0] == epochs


@pytest.mark.parametrize(
    ("sizes", "changes", "side"),
    [
        ([(160, 160)], {}, 160),
        ([(480, 640)], {}, 320),
        ([(3000, 4000)], {}, 512),
        ([(3000, 4000)], {"max_side": 512}, 256),
        ([(90, 90), (375, 500), (9000, 9000)], {}, 256),
    ],
)
def test_crops_follow_the_median_size(sizes: list[tuple[int, int]], changes: dict[str, int], side: int):
    assert numbers(TrainSegmenter(), sizes, **changes)[1] == side


def test_what_a_config_says_stays():
    own = {"epochs": 2, "augmentation": {"crop_size": 100}}
    assert numbers(TrainSegmenter.parse(own), [(3000, 4000)]) == (2, 100)
    assert numbers(TrainSegmenter.parse({"epochs": 2}), [(375, 500)]) == (2, 256)
    assert numbers(TrainClassifier.parse({"augmentation": own["augmentation"], "auto_steps": 1}), [(9, 9)]) == (10, 100)


def test_numbers_that_do_not_fit_the_other_settings_are_one_line():
    own = TrainAalr.parse({"warmup_epochs": 30, "auto_steps": 1})
    with pytest.raises(InputError, match="warmup_epochs is 30 of 20 epochs"):
        numbers(own, [(375, 500)] * 9)
    assert numbers(TrainAalr.parse({"start": "backbone", "auto_steps": 1}), [(375, 500)] * 9)[0] == 20


def test_the_backbone_is_as_wide_as_the_photographs():
    wide = Images([(90, 90)], reading=Reading(bands=(1, 2, 3, 4, 5)))
    assert settled(TrainSegmenter(), wide, ["0"], stage="test").backbone.bands == 5  # type: ignore[arg-type]
    assert settled(TrainSegmenter(), Images([(90, 90)]), ["0"], stage="test").backbone.bands is None  # type: ignore[arg-type]
    own = TrainSegmenter.parse({"backbone": {"bands": 4}})
    with pytest.raises(
        InputError, match=r"test\.backbone\.bands is 4, but index\.h5 has photographs of 5 bands; leave"
    ):
        settled(own, wide, ["0"], stage="test")  # type: ignore[arg-type]


def test_padding_that_counts_as_background_where_there_is_none():
    settings = TrainSegmenter.parse({"augmentation": {"padding": "background"}})
    numbers(settings, [(375, 500)])
    with pytest.raises(InputError, match=r"test.augmentation.padding is `background`, but data.background is false"):
        numbers(settings, [(375, 500)], background=False)
