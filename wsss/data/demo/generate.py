"""Writes the demo data set in the folder layout of PASCAL VOC."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.data.demo.scenes import OBJECT_CLASSES, draw_scene
from wsss.disk import RawFile, writing
from wsss.errors import InputError
from wsss.files import encoded
from wsss.parallel import start_worker
from wsss.pipeline.artifact import SPLITS

CLASS_NAMES = ("background", *OBJECT_CLASSES)
VERSION = 2  # of the pictures: raise it with any change that moves a pixel

_STAMP = "demo.json"
_LISTS = Path("ImageSets") / "Segmentation"
_FOLDERS = (("JPEGImages", ".jpg"), ("SegmentationClass", ".png"))


def generate_demo(
    root: Path,
    *,
    train_images: int = 240,
    val_images: int = 80,
    image_size: int = 160,
    seed: int = 0,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the demo data set below `root`; do nothing where the same set is already complete.

    The files are `JPEGImages/ID.jpg`, `SegmentationClass/ID.png` (indexed, exact masks, no ignored pixels),
    `ImageSets/Segmentation/{train,val}.txt`, `classes.txt` (background first), `image_labels.txt` (an id and the names
    of its classes per line) and the stamp `demo.json`. The set is built in a folder beside `root` and renamed, so that
    nothing half-written ever stands under its name. Pictures depend on `seed`, split and number alone, so neither
    `workers` nor a longer list changes them.

    Args:
        root: Folder to create; may exist if empty.
        train_images: Number of training images.
        val_images: Number of validation images.
        image_size: Typical side length in pixels.
        seed: Seed of the set.
        workers: Processes to draw with; 0 draws in this one.
        progress: Called with (images done, images in all) after each image.

    Raises:
        InputError: If a number is out of range, `root` holds something else, or the disk is full or fails.
    """
    root = Path(root)
    stamp = {
        "generator": "wsss.data.demo",
        "version": VERSION,
        "train_images": train_images,
        "val_images": val_images,
        "image_size": image_size,
        "seed": seed,
    }
    _check_numbers(train_images, val_images, image_size, seed, workers)
    if _is_complete(root, stamp):
        return
    with writing(root):
        root.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
        try:
            _write_set(work, stamp, workers, progress)
            work.chmod(0o777 & ~_umask())
            _move_into_place(work, root, stamp)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _check_numbers(train_images: int, val_images: int, image_size: int, seed: int, workers: int) -> None:
    """Raise InputError for a number that makes no set."""
    for name, value, least in (
        ("train_images", train_images, 1),
        ("val_images", val_images, 0),
        ("image_size", image_size, 32),
        ("seed", seed, 0),
        ("workers", workers, 0),
    ):
        if value < least:
            raise InputError(f"{name} is {value}, but the demo needs at least {least}")


def _is_complete(root: Path, stamp: dict[str, object]) -> bool:
    """Return whether `root` holds exactly the set of this stamp.

    Raises:
        InputError: If it holds anything else.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    other = f"{root} already holds something other than this demo set: remove it or choose another folder"
    try:
        found = json.loads((root / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(other) from None
    if found != stamp:
        raise InputError(other)
    expected = {identifier for identifier, _, _ in _tasks(stamp)}
    whole = all({p.stem for p in (root / folder).glob(f"*{suffix}")} >= expected for folder, suffix in _FOLDERS)
    texts = (root / "classes.txt", root / "image_labels.txt", *(root / _LISTS / f"{split}.txt" for split in SPLITS))
    if not whole or not all(path.is_file() for path in texts):
        raise InputError(f"{root} holds a damaged demo set, files are missing: remove it to have it made again")
    return True


def _tasks(stamp: dict[str, object]) -> list[tuple[str, str, int]]:
    """List (id, split, number) of every image."""
    counts = {split: int(str(stamp[f"{split}_images"])) for split in SPLITS}
    return [(f"{split}_{number:04d}", split, number) for split in SPLITS for number in range(counts[split])]


def _write_set(
    work: Path,
    stamp: dict[str, object],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write all files of the set below `work`."""
    for folder in ("JPEGImages", "SegmentationClass", _LISTS):
        (work / folder).mkdir(parents=True)
    tasks = _tasks(stamp)
    labels: list[str] = []
    draw = partial(_write_image, work, int(str(stamp["seed"])), int(str(stamp["image_size"])))
    for names in _map(draw, tasks, workers):
        labels.append(" ".join([tasks[len(labels)][0], *names]))
        if progress is not None:
            progress(len(labels), len(tasks))
    for split in SPLITS:
        _write_lines(work / _LISTS / f"{split}.txt", [identifier for identifier, own, _ in tasks if own == split])
    _write_lines(work / "classes.txt", list(CLASS_NAMES))
    _write_lines(work / "image_labels.txt", labels)
    _write_lines(work / _STAMP, [json.dumps(stamp, indent=2)])


def _map(
    function: Callable[[tuple[str, str, int]], list[str]],
    tasks: list[tuple[str, str, int]],
    workers: int,
) -> Iterator[list[str]]:
    """Yield the results in the order of the tasks, from this process or from a pool."""
    if workers < 2:
        yield from map(function, tasks)
        return
    # Spawned, not forked: the caller may hold threads (of torch, say), which a fork would break.
    with multiprocessing.get_context("spawn").Pool(workers, initializer=start_worker) as pool:
        yield from pool.imap(function, tasks, chunksize=4)


def _write_image(work: Path, seed: int, image_size: int, task: tuple[str, str, int]) -> list[str]:
    """Draw and write one image and its mask, and return the names of the classes in the mask."""
    identifier, split, number = task
    scene = draw_scene(seed, split, number, image_size)
    photograph = encoded(Image.fromarray(scene.image), "JPEG", quality=95, subsampling=0)
    _write(work / "JPEGImages" / f"{identifier}.jpg", photograph)
    mask = Image.fromarray(scene.mask, mode="P")
    mask.putpalette(_voc_palette())
    _write(work / "SegmentationClass" / f"{identifier}.png", encoded(mask, "PNG"))
    return [CLASS_NAMES[index] for index in np.unique(scene.mask) if index]


def _voc_palette() -> bytes:
    """Build the 256 colours of PASCAL VOC: the bits of the index go to red, green and blue in turn."""
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((index >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours.tobytes()


def _write_lines(path: Path, lines: list[str]) -> None:
    """Write lines of text; each ends in one newline character on every system."""
    _write(path, "".join(f"{line}\n" for line in lines).encode())


def _write(path: Path, content: bytes) -> None:
    """Write a file of the folder that gets its name when all are there."""
    with RawFile(path) as file:
        file.write(content)


def _move_into_place(work: Path, root: Path, stamp: dict[str, object]) -> None:
    """Rename the finished folder, or keep the same set where another process was first."""
    if root.is_dir() and not any(root.iterdir()):
        root.rmdir()
    try:
        work.rename(root)
    except OSError:
        if not _is_complete(root, stamp):
            raise


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
