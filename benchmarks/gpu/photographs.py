"""Photographs to measure on: of a folder, or made up in VOC's sizes; and data sets of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.gpu.setup import Setup
from wsss.config import VocData
from wsss.stages.index import index
from wsss.store import ArtifactWriter

COMMON = ((375, 500), (500, 375), (333, 500), (500, 334), (281, 500), (500, 333), (375, 500), (332, 500))
"""Heights and widths that many of VOC's photographs have."""
CLASSES = ["aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"]


def photographs(setup: Setup, count: int) -> list[Path]:
    """Return the first photographs of the folder that was named, else make up as many.

    Raises:
        FileNotFoundError: If that folder holds none.
    """
    if setup.photos is not None:
        found = sorted(Path(setup.photos).glob("*.jpg"))[:count]
        if not found:
            raise FileNotFoundError(f"{setup.photos} holds no *.jpg")
        return found
    folder = Path(setup.folder, "photographs")
    folder.mkdir(exist_ok=True)
    return [_make_up(folder / f"{number:04d}.jpg", number, setup.small) for number in range(count)]


def _make_up(path: Path, number: int, small: bool) -> Path:
    random = np.random.default_rng(number)
    # of three photographs, one has a size of its own
    size = COMMON[number % len(COMMON)] if number % 3 else (int(random.integers(220, 500)), 500)
    height, width = (length // 5 for length in size) if small else size
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 3)).astype(np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noisy = (smooth + random.integers(-12, 13, (height, width, 1))).clip(0, 255)
    Image.fromarray(noisy.astype(np.uint8)).save(path, quality=90)
    return path


def pixels(setup: Setup, count: int) -> list[np.ndarray]:
    """Read photographs, (H, W, 3) uint8 each."""
    return [np.array(Image.open(path).convert("RGB")) for path in photographs(setup, count)]


def voc(setup: Setup, name: str, photos: list[Path], count: int, *, split: str = "train", masks: bool = False) -> Path:
    """Make a data set in VOC's layout whose `count` images take turns at the photographs, and return its index.

    Args:
        setup: Where to write.
        name: Of its folder.
        photos: The photographs.
        count: Images of the split.
        split: `train` or `val`; the other one has one image.
        masks: Whether there are true masks, which are made up.
    """
    root = Path(setup.folder, name)
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    ids = [f"2007_{number:06d}" for number in range(count + 1)]
    for number, image_id in enumerate(ids):
        photo = photos[number % len(photos)]
        (root / "JPEGImages" / f"{image_id}.jpg").symlink_to(photo.resolve())
        if masks:
            Image.fromarray(_map(photo, number)).save(root / "SegmentationClass" / f"{image_id}.png")
    table = (f"{image_id} {' '.join(_classes(number))}" for number, image_id in enumerate(ids))
    (root / "labels.txt").write_text("\n".join(table) + "\n")
    other = "val" if split == "train" else "train"
    for name_of_list, members in ((split, ids[:count]), (other, ids[count:])):
        (root / f"ImageSets/Segmentation/{name_of_list}.txt").write_text("\n".join(members) + "\n")
    output = root / "index.h5"
    index(VocData(root=str(root), image_labels="labels.txt"), output=output)
    return output


def saliency(setup: Setup, name: str, photos: list[Path], count: int) -> Path:
    """Write made-up saliency maps of the images of `voc`."""
    path = Path(setup.folder, name, "saliency.h5")
    with ArtifactWriter(path, stage="saliency") as artifact:
        for number in range(count):
            map_ = _map(photos[number % len(photos)], number)
            artifact.write("saliency", f"2007_{number:06d}", np.where(map_ > 0, 220, 20).astype(np.uint8))
    return path


def _classes(number: int) -> list[str]:
    """Name the one to three classes of an image."""
    return [CLASSES[(number + 3 * place) % len(CLASSES)] for place in range(1 + number % 3)]


def _map(photo: Path, number: int) -> np.ndarray:
    """Draw a rectangle of a class, (H, W) uint8."""
    with Image.open(photo) as image:
        width, height = image.size
    map_ = np.zeros((height, width), np.uint8)
    map_[height // 4 : height // 2, width // 4 : -(width // 4)] = 1 + number % len(CLASSES)
    return map_
