"""The file of an index: its tables, checked against each other before anything relies on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsss.checksums import DIGEST_BYTES
from wsss.data.stamps import FileStamps
from wsss.errors import InputError
from wsss.pipeline.artifact import SPLITS
from wsss.store import TABLES, ArtifactReader, rebuild_hint

ATTRIBUTES = ("root", "class_names", "ignore_index", "max_side", "label_source", "data_name", "fingerprint")
"""Root attributes that an index has beside those of every artifact."""
DRAWN = "masks"
"""Kind of the masks that an index holds itself."""


@dataclass(frozen=True)
class IndexFile:
    """What an index holds, one row per image.

    Attributes:
        attributes: Of the file.
        ids: Names of the images.
        paths: Photographs, below the root or absolute.
        mask_paths: Masks likewise, empty where there is none, or where the index holds it.
        split: `train` or `val`.
        sizes: (N, 2) int32, H and W.
        labels: (N, C) uint8 multi-hot.
        stamps: What the photographs were.
        mask_stamps: What the masks were.
        drawn: Digests of the pixels of the masks that the index holds itself, by id.
    """

    attributes: dict[str, Any]
    ids: list[str]
    paths: list[str]
    mask_paths: list[str]
    split: list[str]
    sizes: np.ndarray
    labels: np.ndarray
    stamps: FileStamps
    mask_stamps: FileStamps
    drawn: dict[str, bytes]


def read_index(path: Path) -> IndexFile:
    """Read and check the file of an index.

    Raises:
        InputError: If it is missing, damaged or no index, or its tables do not fit each other.
    """
    with ArtifactReader(path, stage="index") as reader:
        attributes = reader.attributes
        texts = {name: reader.table(name).tolist() for name in ("ids", "paths", "mask_paths", "split")}
        arrays = {name: reader.table(name) for name in ("sizes", "labels", "content", "mask_content")}
        # an index of an earlier version knows no times
        noted = reader.table("stamps") if reader.has(TABLES, "stamps") else None
    problem = _problem(attributes, texts, arrays, noted)
    if problem:
        raise InputError(f"{path}: {problem}; {rebuild_hint(path)}")
    photographs, masks = (None, None) if noted is None else (noted[:, :2], noted[:, 2:])
    return IndexFile(
        attributes=attributes,
        **texts,
        sizes=arrays["sizes"],
        labels=arrays["labels"],
        stamps=FileStamps(path, photographs, arrays["content"]),
        mask_stamps=FileStamps(path, masks, arrays["mask_content"]),
        drawn=_drawn(texts, arrays["mask_content"]),
    )


def _drawn(texts: dict[str, list[Any]], content: np.ndarray) -> dict[str, bytes]:
    """Return the digests of masks that have no file."""
    ids, paths = texts["ids"], texts["mask_paths"]
    return {ids[row]: content[row].tobytes() for row in np.flatnonzero(content.any(axis=1)) if not paths[row]}


def _problem(
    attributes: dict[str, Any], texts: dict[str, list[Any]], arrays: dict[str, np.ndarray], noted: np.ndarray | None
) -> str:
    """Say what is wrong with an index; empty for nothing."""
    lacking = [name for name in ATTRIBUTES if name not in attributes]
    if lacking:
        return f"has no attribute {lacking[0]}"
    names = attributes["class_names"]
    if not isinstance(names, list) or len(names) < 2:
        return f"its classes are {names!r}, expected background and one class at least"
    count = len(texts["ids"])
    shapes = {"sizes": (2,), "labels": (len(names) - 1,), "content": (DIGEST_BYTES,), "mask_content": (DIGEST_BYTES,)}
    for name, values in texts.items():
        if len(values) != count or not all(isinstance(value, str) for value in values):
            return f"its table {name} does not hold a text for each of {count} images"
    for name, array in (*arrays.items(), *(() if noted is None else (("stamps", noted),))):
        expected = (count, *shapes.get(name, (4,)))
        if array.shape != expected or array.dtype.kind not in "iu":
            return f"its table {name} is {array.dtype} of the shape {array.shape}, expected integers of {expected}"
    if len(set(texts["ids"])) < count:
        return "it has an image twice"
    if set(texts["split"]) - {*SPLITS}:
        return f"it has splits other than {' and '.join(SPLITS)}"
    if count and (arrays["sizes"].min() < 1 or arrays["labels"].min() < 0 or arrays["labels"].max() > 1):
        return "its sizes or its labels are out of range"
    return ""
