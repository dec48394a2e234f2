"""A small sample of a data set, and the settings that stages work on it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wsss.config import FolderData, Settings, Tiles, Training
from wsss.data.bands import Reading
from wsss.data.images import image_size
from wsss.data.steps import steps_per_epoch
from wsss.estimate.counts import Counts
from wsss.files import write_csv
from wsss.grid import snapped
from wsss.stages.settled import crop_size_of, epochs_of

DRAWN = 6
"""Photographs that are drawn where there are none; others have the same content."""
STEPS = {"cpu": 3, "cuda": 24}
"""Steps of a training, and of each of its phases."""
FEW = 2
"""Steps, and images to validate on, where the machine is slow: the second shows how work goes on once it has begun."""
TINY_RATE = 1e-12
"""Learning rate of sample trainings: networks of random weights must not run away."""
LEAST, GPU_BATCHES = 8, 4
"""Training images of a sample, at least: the first few tell how long work takes to begin. On a GPU, also batches."""
LEAST_TILE = 64
"""Side of the smallest tile of a sample, in pixels."""
PHOTOGRAPHS, MASKS, MAPS = "photographs", "masks", "maps"


@dataclass(frozen=True)
class Level:
    """How much of the real work the sample does.

    Attributes:
        share: Of the sides of images as networks see them.
        batch: Most images of a training step, and of a batch at inference; 0: the config's own.
        crop: Share of the sides of crops; None: `share`.
        few: Whether it is as few images and steps as tell anything, for networks that are slow here.
    """

    share: float
    batch: int
    crop: float | None = None
    few: bool = False

    @property
    def crop_share(self) -> float:
        """Share of the sides of crops."""
        return self.share if self.crop is None else self.crop

    def workers(self, workers: int) -> int:
        """Return the processes beside the main one, of those that the machine has cores for."""
        return min(workers, 1) if self.few else workers

    def steps(self, device: str) -> int:
        """Return the steps of a training, and of each of its phases."""
        return FEW if self.few else STEPS[device]

    def images(self, batches: Sequence[int], device: str, workers: int) -> int:
        """Return the number of training images.

        Args:
            batches: Images per step of each training, and per batch at inference last.
            device: `cpu` or `cuda`. On a GPU, only several batches show its speed.
            workers: Processes or threads beside the main one; twice as many images may be under way at a time.
        """
        if self.few:
            # one more than for validation
            return FEW + 1
        least = max(LEAST, 4 * workers)
        if self.batch:
            return max(least, self.batch)
        return max(least, *batches, GPU_BATCHES * batches[-1] if device == "cuda" else 0)


LEVELS = (
    *(Level(1.0, 0), Level(1.0, 4), *(Level(share, 2) for share in (1.0, 0.75, 0.5))),
    *(Level(share, 2, crop, few=True) for share, crop in ((0.5, 0.5), (0.35, 0.5), (0.2, 0.35))),
)
"""From all of the work to as little of it as tells anything: a step is most of what a run takes, so its crops are less
small than images."""
LARGER_CROPS = (1.0, 0.7, 0.5)
"""Shares of the sides of crops for a second trial of a training alone, on the images of the first."""


@dataclass(frozen=True)
class Sample:
    """Photographs, masks and saliency maps in a folder.

    Attributes:
        root: The folder.
        train: Training images.
        val: Validation images; another number, so that one can tell what was worked on.
        sizes: Height and width of each photograph.
        classes: Names of the classes.
        masks: Whether there are masks.
    """

    root: Path
    train: int
    val: int
    sizes: Sequence[tuple[int, int]]
    classes: tuple[str, ...]
    masks: bool

    def max_side(self, counts: Counts, level: Level) -> int:
        """Return the longest side that networks see of it."""
        longest = max(max(size) for size in self.sizes)
        return max(32, round(min(longest, counts.max_side) * level.share))

    def data(self, counts: Counts, level: Level) -> FolderData:
        """Return the settings of its index."""
        masks = str(self.root / MASKS) if self.masks else None
        root, side = str(self.root / PHOTOGRAPHS), self.max_side(counts, level)
        reading = counts.reading
        return FolderData(
            root=root,
            masks=masks,
            classes=self.classes,
            background=counts.background,
            max_side=side,
            bands=reading.bands,
            range=reading.range,
            max_pixels=reading.max_pixels,
        )


def make_sample(root: Path, counts: Counts, train: int) -> Sample:
    """Make a sample: photographs of the index, or drawn ones of the same size.

    Args:
        root: Folder to write to.
        counts: Of the real data.
        train: Training images.
    """
    for name in (PHOTOGRAPHS, MASKS, MAPS):
        (root / name).mkdir(parents=True)
    val = max(FEW, train // 2) if counts.val else 0
    reading = counts.reading
    classes = tuple(f"class {number + 1}" for number in range(counts.classes))
    given = counts.dataset is not None
    pairs = _from_index(root, counts, train, val) if given else _drawn(root, counts, train + val)
    rows: list[dict[str, str]] = []
    masked = False
    for number, (photograph, present, mask) in enumerate(pairs):
        split = "train" if number < train else "val"
        name = f"{number}{photograph.suffix.lower()}"
        (root / PHOTOGRAPHS / name).symlink_to(photograph.absolute())
        if mask is not None:
            masked = True
            Image.fromarray(mask).save(root / MASKS / f"{number}.png")
        salient = np.zeros((16, 16), np.uint8) if mask is None else np.where((mask > 0) & (mask < 255), 255, 0)
        shown = Image.fromarray(salient.astype(np.uint8)).resize(image_size(photograph, reading)[::-1])
        shown.save(root / MAPS / f"{number}.png")
        names = ";".join(classes[value - 1] for value in present)
        rows.append({"image": name, "label": names, "split": split})
    write_csv(root / PHOTOGRAPHS / "labels.csv", rows)
    sizes = [image_size(photograph, reading) for photograph, _, _ in pairs]
    return Sample(root, train, val, sizes, classes, masked)


_Pair = tuple[Path, list[int], np.ndarray | None]
"""A photograph, the numbers of the classes in it, and its mask."""


def _from_index(root: Path, counts: Counts, train: int, val: int) -> list[_Pair]:
    dataset, pairs = counts.dataset, list[_Pair]()
    assert dataset is not None
    for split, wanted in (("train", train), ("val", val)):
        ids = dataset.ids(split) if wanted else []
        for number in range(wanted):
            image_id = ids[number * len(ids) // wanted]
            present = (np.flatnonzero(dataset.image_labels(image_id)) + 1).tolist()
            pairs.append((dataset.image_path(image_id), present, dataset.mask(image_id)))
    return pairs


def _drawn(root: Path, counts: Counts, wanted: int) -> list[_Pair]:
    from wsss.data.demo import draw_scene

    height, width = counts.size
    drawn = list[_Pair]()
    for number in range(min(DRAWN, wanted)):
        scene = draw_scene(0, "train", number, max(height, width))
        image = Image.fromarray(scene.image).resize((width, height))
        path = root / f"drawn{number}{'.tif' if counts.reading.asks else '.jpg'}"
        if counts.reading.asks:
            _write_bands(path, np.asarray(image), counts.reading)
        else:
            image.save(path, quality=95)
        mask = np.asarray(Image.fromarray(scene.mask).resize((width, height), Image.Resampling.NEAREST))
        # without background, what lies around the objects is of a class too
        around = 0 if counts.background else counts.classes
        mask = np.where(mask > 0, (mask - 1) % counts.classes + 1, around).astype(np.uint8)
        drawn.append((path, np.unique(mask[mask > 0]).tolist(), mask))
    return [drawn[number % len(drawn)] for number in range(wanted)]


def _write_bands(path: Path, colours: np.ndarray, reading: Reading) -> None:
    """Write a drawn photograph (H, W, 3) with the bands and the range of values that the data's settings name."""
    import tifffile

    count = max(3, *(reading.bands or (3,)))
    values = np.dstack([colours[..., band % 3] for band in range(count)])
    if reading.range is not None:
        lowest, highest = reading.range
        values = (lowest + values * ((highest - lowest) / 255)).astype(np.float32)
    others = ["unspecified"] * (count - 3)
    tifffile.imwrite(path, values, photometric="rgb", planarconfig="contig", extrasamples=others)


def sample_settings(settings: Settings, sample: Sample, counts: Counts, level: Level, device: str) -> Settings:
    """Return the settings of a stage for the sample: the same work on less, and nothing that could stop it.

    Args:
        settings: Of the stage in the run.
        sample: What it will work on.
        counts: Of the real data.
        level: How much of the work is done.
        device: `cpu` or `cuda`.
    """
    if isinstance(settings, Training):
        return _sample_training(settings, sample, counts, level, level.steps(device))
    changed: dict[str, Any] = {}
    if (tiles := getattr(settings, "tiles", None)) is not None:
        changed["tiles"] = _sample_tiles(tiles, level)
    if getattr(settings, "source", "") == "folder":
        changed["folder"] = str(sample.root / MAPS)
    # untrained networks find nothing in particular, and nothing is learned of empty labels
    for name in ("cam_threshold", "saliency_threshold"):
        if isinstance(getattr(settings, name, None), float | str):
            changed[name] = 0.0
    return settings.model_copy(update=changed)


def _sample_tiles(tiles: Tiles, level: Level) -> Tiles:
    """Return tiles that are as much smaller as the images are, so that an image has as many of them as in the run."""
    overlap = None if tiles.overlap is None else round(tiles.overlap * level.share)
    return tiles.model_copy(update={"side": max(LEAST_TILE, round(tiles.side * level.share)), "overlap": overlap})


def _sample_training(settings: Training, sample: Sample, counts: Counts, level: Level, steps: int) -> Training:
    crop = max(32, snapped(crop_size_of(settings, counts.median_side) * level.crop_share))
    batch = min(settings.batch_size, level.batch or settings.batch_size)
    rates = [name for name in ("learning_rate", "warmup_learning_rate") if hasattr(settings.optimizer, name)]
    changed: dict[str, Any] = {
        "optimizer": settings.optimizer.model_copy(update=dict.fromkeys(rates, TINY_RATE)),
        "augmentation": settings.augmentation.model_copy(update={"crop_size": crop}),
        "batch_size": batch,
        "epochs": 10**6,
        "validate_every": 0,
        "max_steps": steps,
    }
    if not settings.starts_from_classifier(settings.model_dump()):
        changed["backbone"] = settings.backbone.model_copy(update={"weights": "none"})
    if isinstance(settings.class_weights, dict):
        # the sample's classes have other names; weights of any value take as long
        changed["class_weights"] = "auto"
    if first_phase(settings, counts.train):
        epochs = max(1, steps // steps_per_epoch(sample.train, batch))
        first = epochs * steps_per_epoch(sample.train, batch)
        changed |= {"warmup_epochs": epochs, "max_steps": first + steps}
    return settings.model_copy(update=changed)


def first_phase(settings: Training, images: int) -> int:
    """Return the epochs of a training's first phase, on so many images; 0 where it has one phase."""
    numbered = settings.model_copy(update={"epochs": epochs_of(settings, images)})
    return int(getattr(numbered, "warmup", 0))
