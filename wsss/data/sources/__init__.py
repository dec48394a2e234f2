"""Where data comes from: one module per source, all with the same three functions.

`read(settings, workers=0) -> Listing` lists the images; `input_files(settings)` and `input_folders(settings)` name
what it reads, by role, without opening it (for the workflow, which watches the files). No source opens a photograph.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

from wsss.config.data import AnyData
from wsss.data.sources import coco, demo, folder, voc
from wsss.data.sources.image_records import ImageRecord
from wsss.data.sources.records import Listing
from wsss.label_values import NO_BACKGROUND

SOURCES: dict[str, ModuleType] = {"demo": demo, "voc": voc, "folder": folder, "coco": coco}


def list_images(settings: AnyData, *, workers: int = 0) -> Listing:
    """List the images of a data set with their labels, masks and splits.

    Args:
        workers: Processes that make the demo where it is not there yet.

    Raises:
        InputError: For anything that is missing, unknown or contradictory.
    """
    listing: Listing = SOURCES[settings.name].read(settings, workers=workers)
    if settings.background:
        return listing
    return replace(listing, class_names=(NO_BACKGROUND, *listing.class_names[1:]))


def input_files(settings: AnyData) -> dict[str, Path]:
    """Name the lists and tables that describe a data set, by role; they may be missing."""
    return SOURCES[settings.name].input_files(settings)


def input_folders(settings: AnyData) -> dict[str, Path]:
    """Name the folders of its images, masks and annotations, by the setting to correct; they may be missing."""
    return SOURCES[settings.name].input_folders(settings)


__all__ = ["SOURCES", "ImageRecord", "Listing", "input_files", "input_folders", "list_images"]
