"""COCO JSON: one annotation per class and image, its mask run-length encoded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from wsss.errors import InputError
from wsss.exchange.sources import LabelMaps
from wsss.outputs import OutputFolder
from wsss.progress import Progress


def export_coco(maps: Sequence[LabelMaps], output: OutputFolder) -> int:
    """Write `instances_SPLIT.json` for every split.

    Category ids are those of the JSON that the data came from, else the label values. Background has no annotations.

    Pixels labelled 255 are in the list `ignored`, which readers of COCO skip.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If pycocotools is not installed, or a file must not be written.
    """
    paths = [output.folder / f"instances_{part.split}.json" for part in maps]
    output.check(paths)
    for part, path in zip(maps, paths, strict=True):
        content = _content(part)
        output.write_text(path, json.dumps(content))
    return sum(len(part.ids) for part in maps)


def _content(part: LabelMaps) -> dict[str, Any]:
    dataset = part.dataset
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    ignored: list[dict[str, Any]] = []
    with Progress(f"export {part.split}", len(part.ids)) as progress:
        for number, (image_id, labels) in enumerate(part, start=1):
            height, width = labels.shape
            name = dataset.image_path(image_id).relative_to(dataset.root).as_posix()
            images.append({"id": number, "file_name": name, "height": height, "width": width, "image": image_id})
            for value in np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist():
                if value == dataset.ignore_index:
                    ignored.append({"image_id": number, **_encoded(labels == value)})
                elif value:
                    about: dict[str, Any] = {"id": len(annotations) + 1, "image_id": number, "iscrowd": 0}
                    about["category_id"] = dataset.category_ids[value - 1]
                    annotations.append({**about, **_encoded(labels == value)})
            progress.advance()
    names = zip(dataset.category_ids, dataset.class_names[1:], strict=True)
    return {
        "info": {"description": f"{part.split} of {dataset.name}, written by wsss export"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": category, "name": name} for category, name in names],
        "ignored": ignored,
    }


def _encoded(mask: np.ndarray) -> dict[str, Any]:
    """Return the run-length code, area and box of a mask."""
    try:
        from pycocotools import mask as coco_mask
    except ModuleNotFoundError:
        raise InputError("COCO's code needs pycocotools, which is not installed: pip install 'wsss[export]'") from None
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "segmentation": {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")},
        "area": int(coco_mask.area(code)),
        "bbox": [float(side) for side in coco_mask.toBbox(code)],
    }
