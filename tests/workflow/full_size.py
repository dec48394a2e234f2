"""Data sets of any number of images in the folders of VOC and COCO: hard links of a few tiny files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers import save_mask, write_annotation
from wsss.data.sources.voc import VOC_CLASSES

KINDS = 5
"""Different images."""
SIZE = (40, 56)
"""Height and width."""
EMPTY = 3
"""Images of each split of COCO in which nothing is."""


def make_trainaug(root: Path, saliency: Path, *, train: int, val: int) -> Path:
    """VOC's folders with the augmented set's list and masks, annotations, and a saliency map of each training image."""
    folders = {name: root / name for name in ("JPEGImages", "SegmentationClassAug", "Annotations")}
    lists, originals = root / "ImageSets/Segmentation", root / "originals"
    for folder in (*folders.values(), lists, originals, saliency):
        folder.mkdir(parents=True)
    for kind in range(KINDS):
        image, mask = picture(kind, kind + 1)
        Image.fromarray(image).save(originals / f"{kind}.jpg")
        save_mask(originals / f"{kind}.png", mask)
        write_annotation(originals / f"{kind}.xml", [VOC_CLASSES[kind]])
        Image.fromarray(np.where(mask == kind + 1, 255, 0).astype(np.uint8)).save(originals / f"{kind}-map.png")
    ids = [f"2008_{number:06d}" for number in range(train + val)]
    for number, image_id in enumerate(ids):
        kind = number % KINDS
        for (_, folder), suffix in zip(folders.items(), (".jpg", ".png", ".xml"), strict=True):
            os.link(originals / f"{kind}{suffix}", folder / f"{image_id}{suffix}")
        if number < train:
            os.link(originals / f"{kind}-map.png", saliency / f"{image_id}.png")
    for name, members in (("train_aug", ids[:train]), ("val", ids[train:])):
        (lists / f"{name}.txt").write_text("".join(f"{image_id}\n" for image_id in members))
    return root


def make_coco2014(root: Path, saliency: Path, *, train: int, val: int) -> Path:
    """COCO 2014's folders, of so many images with an object and a few without, and their saliency maps."""
    for folder in (root / "annotations", root / "originals", saliency):
        folder.mkdir(parents=True)
    for kind in range(KINDS):
        image, mask = picture(kind, kind + 1)
        Image.fromarray(image).save(root / f"originals/{kind}.jpg")
        Image.fromarray(np.where(mask > 0, 255, 0).astype(np.uint8)).save(root / f"originals/{kind}.png")
    categories = [{"id": number + 1, "name": f"thing {number + 1}"} for number in range(80)]
    first = 1
    for split, count in (("train", train), ("val", val)):
        (root / f"{split}2014").mkdir()
        images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
        for number in range(first, first + count + EMPTY):
            name, kind = f"COCO_{split}2014_{number:012d}", number % KINDS
            os.link(root / f"originals/{kind}.jpg", root / f"{split}2014/{name}.jpg")
            if split == "train":
                os.link(root / f"originals/{kind}.png", saliency / f"{name}.png")
            images.append({"id": number, "file_name": f"{name}.jpg", "height": SIZE[0], "width": SIZE[1]})
            if number < first + count:
                left, right, top, bottom = box(kind)
                outline = [[float(side) for side in (left, top, right, top, right, bottom, left, bottom)]]
                about = {"id": number, "image_id": number, "category_id": number % 80 + 1, "iscrowd": 0}
                place = {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
                annotations.append({**about, "segmentation": outline, **place})
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / f"annotations/instances_{split}2014.json").write_text(json.dumps(content))
        first += count + EMPTY
    return root


def picture(kind: int, value: int) -> tuple[np.ndarray, np.ndarray]:
    """An image (H, W, 3) uint8 with one bright box, and its mask (H, W) uint8."""
    image = np.random.default_rng(kind).integers(0, 90, (*SIZE, 3)).astype(np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    left, right, top, bottom = box(kind)
    image[top:bottom, left:right, kind % 3] += 150
    mask[top:bottom, left:right] = value
    return image, mask


def box(kind: int) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of the object."""
    return 6 + kind, 34 + 2 * kind, 8, 28 + kind
