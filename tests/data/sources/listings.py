"""Listing tiny data sets, for the tests of the sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsss.config import FolderData, VocData
from wsss.data.sources import Listing, list_images
from wsss.errors import InputError

TRAIN_LIST = "ImageSets/Segmentation/train.txt"
VAL_LIST = "ImageSets/Segmentation/val.txt"


def voc(root: Path, **settings: Any) -> Listing:
    return list_images(VocData(root=str(root), **({"classes": "classes.txt"} | settings)))


def folder(root: Path, **settings: Any) -> Listing:
    return list_images(FolderData(root=str(root), **({"masks": "masks"} | settings)))


def refused(call: Callable[..., Listing], *args: Any, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        call(*args, **settings)
    text = str(caught.value)
    assert "\n" not in text
    return text


def ids(listing: Listing, split: str) -> list[str]:
    return [record.image_id for record in listing.records if record.split == split]


def labels(listing: Listing) -> dict[str, tuple[int, ...] | None]:
    return {record.image_id: record.labels for record in listing.records}


def add(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)
