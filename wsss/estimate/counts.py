"""Count what a run has to work on: images of each split, their sizes, and classes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

from wsss.config import AnyData
from wsss.config.data import DemoData
from wsss.data import Dataset, load_dataset
from wsss.data.bands import PLAIN, Reading
from wsss.data.images import bounded_size, image_size
from wsss.data.sources import Listing, list_images
from wsss.errors import InputError
from wsss.grid import snapped_size
from wsss.store import ArtifactReader

SIZES = {"voc": (375, 500), "coco": (480, 640)}
"""Height and width of most photographs of the public data sets, in pixels."""
CLASSES = {"voc": 20, "coco": 80}
OTHERWISE = (375, 500)
LOOKED_AT = 50
"""Photographs whose size is looked at where there is no index yet."""
SEEN = 20
"""Classes of data that nothing is known of."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """What the user says of data that is not there; None leaves it open.

    Attributes:
        train: Training images.
        val: Validation images.
        classes: Classes without background.
        size: Height and width of most photographs.
    """

    train: int | None = None
    val: int | None = None
    classes: int | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Counts:
    """What a run has to work on.

    Attributes:
        train: Training images.
        val: Validation images.
        classes: Classes without background.
        sizes: Height and width of photographs, of all or of some.
        max_side: Longest side that networks see.
        origin: Where the counts come from, for people.
        dataset: The index, where there is one.
        reading: Bands of the photographs, range of their values, and most pixels.
        background: Whether a pixel can be background.
    """

    train: int
    val: int
    classes: int
    sizes: Sequence[tuple[int, int]]
    max_side: int
    origin: str
    dataset: Dataset | None = None
    reading: Reading = PLAIN
    background: bool = True

    @property
    def median_side(self) -> float:
        """Median of the root of height times width, within `max_side`, in pixels."""
        found = (bounded_size(size, self.max_side) for size in self.sizes)
        return median((height * width) ** 0.5 for height, width in found)

    @property
    def size(self) -> tuple[int, int]:
        """Median height and width, within `max_side`, in pixels."""
        found = [bounded_size(size, self.max_side) for size in self.sizes]
        return int(median(height for height, _ in found)), int(median(width for _, width in found))

    @property
    def pixels(self) -> float:
        """Mean number of pixels of an image as networks see it."""
        return mean_pixels(self.sizes, self.max_side)


def mean_pixels(sizes: Sequence[tuple[int, int]], max_side: int) -> float:
    """Return the mean number of pixels of images as networks see them."""
    seen = (snapped_size(bounded_size(size, max_side)) for size in sizes)
    return fmean(height * width for height, width in seen)


def count(data: AnyData, index: Path, said: Said) -> Counts:
    """Count from what is said, else from the index of these settings, else from the source of the data.

    Args:
        data: The data set's settings.
        index: Where the run's index lies, or will lie.
        said: What the user says. With `train`, no data need be there.

    Raises:
        InputError: If nothing is said and the data is not there, or is wrong.
    """
    if said.train is None and (indexed := count_index(data, index)) is not None:
        return indexed
    reading = Reading(data.bands, data.range, data.max_pixels)
    if said.train is not None:
        found = _said(data, said)
    else:
        found = _demo(data) if isinstance(data, DemoData) else _of_source(data, said, reading)
    return replace(found, reading=reading, background=data.background)


def count_index(data: AnyData, index: Path) -> Counts | None:
    """Count from the index, if it can be read and was made by these settings; else return None: it is made anew.

    Args:
        data: The data set's settings.
        index: Where the run's index lies, or will lie.
    """
    try:
        with ArtifactReader(index) as reader:
            made_by = reader.attributes.get("settings")
        return _of_index(load_dataset(index), index) if made_by == data.model_dump(mode="json") else None
    except InputError:
        return None


def _said(data: AnyData, said: Said) -> Counts:
    size = said.size or SIZES.get(data.name, OTHERWISE)
    classes = said.classes or CLASSES.get(data.name, SEEN)
    return Counts(said.train or 1, said.val or 0, classes, [size], data.max_side, "as said")


def _demo(data: DemoData) -> Counts:
    from wsss.data.demo import OBJECT_CLASSES

    numbers = min(data.train_images, data.limit or data.train_images), min(data.val_images, data.limit or 10**9)
    size = (data.image_size, data.image_size)
    return Counts(*numbers, len(OBJECT_CLASSES), [size], data.max_side, "settings of the demo")


def _of_index(dataset: Dataset, index: Path) -> Counts:
    numbers = {split: len(dataset.ids(split)) for split in dataset.splits}
    sizes = [dataset.size(image_id) for split in dataset.splits for image_id in dataset.ids(split)]
    train, val = numbers.get("train", 0), numbers.get("val", 0)
    return Counts(
        train,
        val,
        dataset.num_classes,
        sizes,
        dataset.max_side,
        str(index),
        dataset,
        dataset.reading,
        dataset.background,
    )


def _of_source(data: AnyData, said: Said, reading: Reading) -> Counts:
    listing = list_images(data)
    train = sum(record.split == "train" for record in listing.records)
    sizes = [said.size] if said.size else _sizes(listing, reading)
    val, classes = len(listing.records) - train, len(listing.class_names) - 1
    return Counts(train, val, classes, sizes, data.max_side, f"files in {listing.root}")


def _sizes(listing: Listing, reading: Reading) -> list[tuple[int, int]]:
    """Return the height and width of some photographs."""
    every = max(1, len(listing.records) // LOOKED_AT)
    return [image_size(listing.root / record.image, reading) for record in listing.records[::every]]
