"""Reads maps of saliency back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsss.data import Dataset
from wsss.store import ArtifactReader


def read_maps(path: Path, dataset: Dataset) -> dict[str, np.ndarray]:
    with ArtifactReader(path, "saliency") as reader:
        found = {image_id: reader.read("saliency", image_id) for image_id in reader.ids("saliency")}
    assert sorted(found) == sorted(dataset.ids("train"))
    for image_id, values in found.items():
        assert values.dtype == np.uint8
        assert values.shape == dataset.size(image_id)
    return found
