"""Say what an index knows of one image, and where its photograph lies on the earth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsss.data import load_dataset
from wsss.data.georeference import is_placed, read_georeference
from wsss.store import ArtifactReader


def about_image(artifact: Path, image_id: str) -> list[str]:
    """Return what an index knows of an image, a line each: photograph, split, classes, mask, and the place it has.

    Returns:
        The lines; of other artifacts than an index, none.

    Raises:
        InputError: If the file is damaged or has no such image, or the photograph has changed since.
    """
    with ArtifactReader(artifact) as reader:
        if reader.attributes.get("stage") != "index":
            return []
    dataset = load_dataset(artifact)
    height, width = dataset.size(image_id)
    photograph, mask = dataset.unchanged_path(image_id), dataset.mask_path(image_id)
    classes = [dataset.class_names[number + 1] for number in np.flatnonzero(dataset.image_labels(image_id))]
    drawn = "in the index" if dataset.has_mask(image_id) else "none"
    lines = [
        f"photograph: {photograph}, {width} x {height} pixels",
        f"split: {dataset.split_of(image_id)}",
        f"classes: {', '.join(classes) or 'none'}",
        f"mask: {mask or drawn}",
    ]
    place = _place(photograph)
    return [*lines, f"place: {place}"] if place else lines


def _place(photograph: Path) -> str:
    try:
        place = read_georeference(photograph)
    except ImportError:
        return "not read without rasterio: pip install 'wsss[geo]'" if is_placed(photograph) else ""
    return "" if place is None else place.in_words()
