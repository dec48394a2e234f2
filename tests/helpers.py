"""Tiny data sets for tests: coloured shapes on a noisy ground, with exact masks, in the layouts that users have."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

# the first three classes of VOC, so that masks mean the same with `classes.txt` and with the 20 default classes
CLASSES = ("aeroplane", "bicycle", "bird")
COLOURS = ((0, 0, 0), (210, 40, 40), (40, 190, 60), (50, 70, 220))


def make_voc(
    root: str | Path,
    *,
    train: int = 8,
    val: int = 4,
    size: tuple[int, int] = (48, 64),
    seed: int = 0,
    prefix: str = "2007_",
) -> Path:
    """A VOC 2012 layout: JPEGImages, SegmentationClass, Annotations, ImageSets, `classes.txt`, `image_labels.txt`.

    Ids are `{prefix}000000` and so on, train first; sizes (H, W) vary by up to 8 pixels from image to image.
    Read it with `VocData(root=str(root), classes="classes.txt")`: labels from XML, 3 classes.
    """
    root = Path(root)
    for folder in ("JPEGImages", "SegmentationClass", "Annotations", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    ids = [f"{prefix}{i:06d}" for i in range(train + val)]
    table = []
    for number, image_id in enumerate(ids):
        image, mask = shapes(number, size=size, seed=seed)
        names = present(mask)
        Image.fromarray(image).save(root / "JPEGImages" / f"{image_id}.jpg", quality=95)
        save_mask(root / "SegmentationClass" / f"{image_id}.png", mask)
        write_annotation(root / "Annotations" / f"{image_id}.xml", names)
        table.append(" ".join([image_id, *names]))
    for split, members in (("train", ids[:train]), ("val", ids[train:])):
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("".join(f"{name}\n" for name in members))
    (root / "image_labels.txt").write_text("".join(f"{line}\n" for line in table))
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in ("background", *CLASSES)))
    return root


def make_folder(
    root: str | Path,
    *,
    train: int = 8,
    val: int = 4,
    size: tuple[int, int] = (48, 64),
    seed: int = 0,
    masks: bool = True,
    names: Sequence[str] = (),
) -> Path:
    """A folder of photographs of any names, with `labels.csv` (image, label, split) and `masks/` in it.

    Read it with `FolderData(root=str(root), masks="masks")`, or `FolderData(root=str(root))` where `masks` is False.

    Args:
        masks: Whether to write masks.
        names: Paths of the photographs below `root`, in place of `img 0.jpg`, `sub/img 1.png`, ...
    """
    root = Path(root)
    default = [f"sub/img {i}.png" if i % 2 else f"img {i}.jpg" for i in range(train + val)]
    rows = []
    for number, name in enumerate(list(names) or default):
        image, mask = shapes(number, size=size, seed=seed)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        if masks:
            mask_path = (root / "masks" / name).with_suffix(".png")
            mask_path.parent.mkdir(parents=True, exist_ok=True)
            save_mask(mask_path, mask)
        rows.append((name, ";".join(present(mask)), "train" if number < train else "val"))
    write_csv(root / "labels.csv", rows)
    return root


def make_land(
    root: str | Path, *, train: int = 8, val: int = 4, size: tuple[int, int] = (48, 64), masks: bool = True
) -> Path:
    """A folder like `make_folder`'s whose images have no background: one or two classes cover all of each.

    Read it with `FolderData(root=str(root), masks="masks", background=False)`.
    """
    root = Path(root)
    rows = []
    for number in range(train + val):
        image, mask = land(number, size=size)
        (root / "masks").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / f"land {number}.png")
        if masks:
            save_mask(root / "masks" / f"land {number}.png", mask)
        rows.append((f"land {number}.png", ";".join(present(mask)), "train" if number < train else "val"))
    write_csv(root / "labels.csv", rows)
    return root


def land(number: int, *, size: tuple[int, int] = (48, 64)) -> tuple[np.ndarray, np.ndarray]:
    """One image (H, W, 3) uint8 and its mask (H, W) uint8 without 0: a class on the left, on odd numbers another one
    on the right, and 255 between them."""
    random = np.random.default_rng([7, number])
    height, width = (int(side + random.integers(-8, 9)) for side in size)
    mask = np.full((height, width), number % 3 + 1, np.uint8)
    if number % 2:
        border = int(width * random.uniform(0.3, 0.7))
        mask[:, border:] = (number + 1) % 3 + 1
        mask[:, border] = 255
    colours = np.asarray([*COLOURS, *[(128, 128, 128)] * 252])
    image = colours[mask] + random.normal(0, 12, (height, width, 3))
    return image.clip(0, 255).astype(np.uint8), mask


def shapes(number: int, *, size: tuple[int, int] = (48, 64), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One image with one or two objects: (H, W, 3) uint8 and its mask (H, W) uint8, 255 on the objects' borders."""
    random = np.random.default_rng([seed, number])
    height, width = (int(side + random.integers(-8, 9)) for side in size)
    rows, columns = np.mgrid[:height, :width]
    image = random.normal(128, 24, (height, width, 3))
    mask = np.zeros((height, width), np.uint8)
    radius = min(height, width) / 5
    kinds = [number % 3 + 1] + ([(number + 1) % 3 + 1] if number % 2 else [])
    for place, kind in enumerate(kinds):
        y, x = height / 2, width * (place + 1) / (len(kinds) + 1)
        distance = _distance(kind, rows - y, columns - x)
        mask[distance < radius + 1] = 255
        mask[distance < radius] = kind
        image[distance < radius] = COLOURS[kind] + random.normal(0, 12, (int((distance < radius).sum()), 3))
    return image.clip(0, 255).astype(np.uint8), mask


def present(mask: np.ndarray) -> list[str]:
    """Names of the classes in a mask."""
    return [CLASSES[value - 1] for value in np.unique(mask) if 0 < value < 255]


def save_mask(path: str | Path, mask: np.ndarray) -> None:
    """Writes an indexed PNG as VOC does: a palette whose colours are not the class values."""
    image = Image.fromarray(mask).convert("L")
    image.putpalette([channel for value in range(256) for channel in (value * 37 % 256, value * 91 % 256, value)])
    image.save(path)


def write_annotation(path: str | Path, names: Sequence[str], *, difficult: int = 0) -> None:
    """Writes a VOC annotation with one object per name."""
    objects = "".join(f"<object><name>{name}</name><difficult>{difficult}</difficult></object>" for name in names)
    Path(path).write_text(f"<annotation><filename>{Path(path).stem}.jpg</filename>{objects}</annotation>\n")


def write_csv(
    path: str | Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("image", "label", "split")
) -> None:
    """Writes a CSV of image-level labels."""
    with Path(path).open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)


def _distance(kind: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Distance from a shape's centre in the norm whose ball is the shape: disc, square, diamond."""
    if kind == 1:
        return np.hypot(y, x)
    return np.maximum(abs(y), abs(x)) if kind == 2 else abs(y) + abs(x)
