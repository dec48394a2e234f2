"""A tiny data set in COCO's layout: the shapes of `tests.helpers`, with outlines of every kind that a JSON may hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from tests.helpers import CLASSES, shapes

CATEGORY_IDS = (3, 17, 90)
"""Ids of the three classes: with gaps, as COCO's."""
KINDS = ("polygons", "compressed", "counts")


def make_coco(
    root: str | Path,
    *,
    train: int = 6,
    val: int = 3,
    size: tuple[int, int] = (48, 64),
    kinds: Sequence[str] = KINDS,
) -> Path:
    """COCO 2017's layout: train2017, val2017, annotations/instances_{split}2017.json.

    Read it with `coco_settings(root)`. Outlines are of the kinds in turn. Every third image has a crowd in its corner,
    and the last image of each split has nothing in it.

    Args:
        size: About (H, W) of the photographs.
        kinds: `polygons`, `compressed` or `counts` (run lengths).
    """
    root = Path(root)
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    first = 1
    for split, count in (("train", train), ("val", val)):
        folder = root / f"{split}2017"
        folder.mkdir(exist_ok=True)
        content: dict[str, Any] = {"info": {"year": 2017}, "images": [], "annotations": []}
        for number in range(first, first + count):
            image, mask = shapes(number, size=size)
            name = f"{number:012d}.jpg"
            Image.fromarray(image).save(folder / name, quality=95)
            height, width = mask.shape
            content["images"].append({"id": number, "file_name": name, "height": height, "width": width})
            if number < first + count - 1:
                content["annotations"] += annotations(number, mask, kinds[number % len(kinds)])
        for number, annotation in enumerate(content["annotations"]):
            annotation["id"] = 10 * first + number
        content["categories"] = [
            {"id": own, "name": name, "supercategory": "shape"} for own, name in zip(CATEGORY_IDS, CLASSES, strict=True)
        ]
        write_instances(root, split, content)
        first += count
    return root


def annotations(number: int, mask: np.ndarray, kind: str) -> list[dict[str, Any]]:
    """The annotations of an image, without ids."""
    found = []
    for value in np.unique(mask[(mask > 0) & (mask < 255)]).tolist():
        found.append(annotation(number, value, outline(mask == value, kind)))
    if number % 3 == 0:
        corner = np.zeros(mask.shape, bool)
        corner[:6, :9] = True
        found.append(annotation(number, 3, outline(corner, "counts"), crowd=1))
    return found


def annotation(number: int, value: int, segmentation: Any, *, crowd: int = 0) -> dict[str, Any]:
    """One annotation of an image, without an id."""
    about = {"image_id": number, "category_id": CATEGORY_IDS[value - 1], "iscrowd": crowd}
    return {**about, "segmentation": segmentation, "bbox": [0.0, 0.0, 1.0, 1.0], "area": 1.0}


def outline(mask: np.ndarray, kind: str) -> Any:
    """The outline of a mask (H, W) bool; as a polygon it is the rectangle around it."""
    height, width = mask.shape
    if kind == "polygons":
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        return [[float(side) for side in (left, top, right, top, right, bottom, left, bottom)]]
    if kind == "compressed":
        code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        return {"size": [height, width], "counts": code["counts"].decode()}
    flat = np.concatenate([[0], mask.ravel(order="F").astype(int), [0]])
    changes = np.flatnonzero(np.diff(flat))
    bounds = np.concatenate([[0], changes, [mask.size]])
    counts = np.diff(bounds).tolist()
    return {"size": [height, width], "counts": counts if sum(counts) == mask.size else counts[:-1]}


def instances_path(root: Path, split: str = "train") -> Path:
    """The JSON of a split."""
    return root / f"annotations/instances_{split}2017.json"


def read_instances(root: Path, split: str = "train") -> dict[str, Any]:
    """What the JSON of a split holds."""
    content: dict[str, Any] = json.loads(instances_path(root, split).read_text())
    return content


def write_instances(root: Path, split: str, content: Any) -> None:
    """Writes the JSON of a split."""
    instances_path(root, split).write_text(json.dumps(content))


def coco_settings(root: str | Path, **more: Any) -> dict[str, Any]:
    """Settings that read it."""
    return {
        "name": "coco",
        "root": str(root),
        "train_annotations": "annotations/instances_train2017.json",
        "val_annotations": "annotations/instances_val2017.json",
        "train_images": "train2017",
        "val_images": "val2017",
        **more,
    }
