"""Settle what a training leaves open: epochs, crop size and bands follow the training images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from statistics import median
from typing import TypeVar

from wsss.config import Training
from wsss.config.background import problem_of_padding
from wsss.data import Dataset
from wsss.data.images import bounded_size
from wsss.data.steps import steps_per_epoch
from wsss.errors import InputError
from wsss.grid import snapped

logger = logging.getLogger(__name__)

AnyTraining = TypeVar("AnyTraining", bound=Training)
CROP_SIZES = (160, 512)
"""Limits of a crop size that follows the images, in pixels: a crop must hold parts of objects, and a step must fit into
memory. Inferred."""


def settled(settings: AnyTraining, dataset: Dataset, image_ids: Sequence[str], *, stage: str) -> AnyTraining:
    """Return the settings of a training with numbers in place of `auto`; numbers stay as they are.

    The checkpoint records what is returned. Equal images give equal numbers.

    Args:
        settings: Of the training.
        dataset: Holds the sizes of the images.
        image_ids: The images to train on.
        stage: Name of the stage, for the log.

    Raises:
        InputError: If the numbers do not fit the other settings, or padding counts as background where there is none.
    """
    if not dataset.background and (problem := problem_of_padding(stage, settings)):
        raise InputError(problem)
    settings = _with_bands(settings, dataset, stage)
    if not image_ids or "auto" not in (settings.epochs, settings.augmentation.crop_size):
        return settings
    values = settings.model_dump(mode="json")
    if settings.epochs == "auto":
        values["epochs"] = epochs_of(settings, len(image_ids))
    if settings.augmentation.crop_size == "auto":
        values["augmentation"]["crop_size"] = crop_size_of(settings, median_side(dataset, image_ids))
    logger.info(
        "%s: %d epochs, crops of %d pixels (%d images)",
        stage,
        values["epochs"],
        values["augmentation"]["crop_size"],
        len(image_ids),
    )
    result: AnyTraining = type(settings).parse(values)
    return result


def epochs_of(settings: Training, images: int) -> int:
    """Return the epochs of a training on so many images."""
    if settings.epochs != "auto":
        return settings.epochs
    return max(settings.auto_epochs, -(-settings.auto_steps // steps_per_epoch(images, settings.batch_size)))


def crop_size_of(settings: Training, side: float) -> int:
    """Return the crop size of a training.

    Args:
        settings: Of the training.
        side: Median of the root of height times width of the images, in pixels, within `data.max_side`.
    """
    if settings.augmentation.crop_size != "auto":
        return settings.augmentation.crop_size
    least, most = CROP_SIZES
    return min(max(snapped(settings.augmentation.crop_share * side), least), most)


def _with_bands(settings: AnyTraining, dataset: Dataset, stage: str) -> AnyTraining:
    """Widen the backbone to the bands of the photographs; three leave the settings as they are."""
    channels, given = dataset.reading.channels, settings.backbone.bands
    if given is not None and given != channels:
        raise InputError(
            f"{stage}.backbone.bands is {given}, but {dataset.path} has photographs of {channels} bands; leave it out"
        )
    if channels == 3:
        return settings
    values = settings.model_dump(mode="json")
    values["backbone"]["bands"] = channels
    result: AnyTraining = type(settings).parse(values)
    return result


def median_side(dataset: Dataset, image_ids: Sequence[str]) -> float:
    """Return the median of the root of height times width, within `data.max_side`."""
    sizes = [bounded_size(dataset.size(image_id), dataset.max_side) for image_id in image_ids]
    return median((height * width) ** 0.5 for height, width in sizes)
