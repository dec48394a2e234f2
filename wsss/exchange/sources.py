"""Sources of an export: label maps of a split, from an artifact or from the true masks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.data import Dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.data.images import opened
from wsss.errors import InputError
from wsss.ops.palette import indexed_picture
from wsss.outputs import OutputFolder
from wsss.store import ArtifactReader

JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class LabelMaps:
    """Label maps of the images of a split.

    Attributes:
        split: The split.
        ids: The images that have a label map.
        reader: The artifact; None takes the true masks.
    """

    dataset: Dataset
    split: str
    ids: tuple[str, ...]
    reader: ArtifactReader | None = None

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        for image_id in self.ids:
            labels = self.reader.read("segmentation", image_id) if self.reader else self.dataset.mask(image_id)
            assert labels is not None
            yield image_id, labels


def artifact_maps(path: Path, dataset: Dataset) -> LabelMaps:
    """Open the label maps of an artifact of labels or predictions.

    Raises:
        InputError: If the artifact holds no label maps, or its classes or images are not those of the index.
    """
    reader = IndexedArtifact(path, None, dataset)
    if "segmentation" not in reader.kinds():
        raise InputError(
            f"{path}: holds {', '.join(reader.kinds()) or 'tables'}, no label maps; export labels.h5 or predictions"
        )
    split = str(reader.attributes.get("split") or "train")
    ids = tuple(image_id for image_id in dataset.ids(split) if reader.has("segmentation", image_id))
    if not ids:
        raise InputError(
            f"{path}: has no image of split {split} of {dataset.path}; pass the index that it was made from"
        )
    return LabelMaps(dataset, split, ids, reader)


def true_maps(split: str, dataset: Dataset) -> LabelMaps:
    """Open the true masks of a split.

    Raises:
        InputError: If no image of the split has a mask.
    """
    ids = tuple(dataset.masked_ids(split))
    if not ids:
        raise InputError(f"{dataset.path}: no image of split {split} has a true mask; leave it out")
    return LabelMaps(dataset, split, ids)


def write_labels(folder: OutputFolder, path: Path, labels: np.ndarray, *, grey: bool = False) -> None:
    """Write a label map (H, W) uint8 as a PNG, indexed with VOC's palette or grey; the values are the classes."""
    folder.write_picture(path, Image.fromarray(labels) if grey else indexed_picture(labels), "PNG")


def write_photograph(folder: OutputFolder, path: Path, dataset: Dataset, image_id: str, *, link: bool) -> None:
    """Put a photograph there as a JPEG.

    A JPEG that is stored upright is linked or copied; any other photograph is encoded anew.
    """
    source = Path(os.path.realpath(dataset.image_path(image_id)))
    plain = not dataset.reading.asks and source.suffix.lower() in JPEG and _is_upright_rgb(source, dataset)
    if plain and link:
        folder.link(path, source)
    elif plain:
        folder.write_bytes(path, source.read_bytes())
    else:
        folder.write_picture(
            path, Image.fromarray(np.ascontiguousarray(dataset.image(image_id))), "JPEG", quality=95, subsampling=0
        )


def _is_upright_rgb(source: Path, dataset: Dataset) -> bool:
    with opened(source, most=dataset.reading.max_pixels) as image:
        return image.mode == "RGB" and bool(image.getexif().get(0x0112, 1) == 1)
