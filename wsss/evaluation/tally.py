"""Count image by image: tallies of fixed size that add up over images and processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from wsss.data import Dataset
from wsss.errors import InputError
from wsss.ops.metrics import (
    changed_share,
    class_scores,
    confusion_matrix,
    mean,
    saliency_error,
    saliency_histogram,
    saliency_scores,
)
from wsss.ops.sweeps import seed_counts
from wsss.store import ArtifactReader

Key = tuple[str, str, str]
"""Kind, name and split of an evaluated thing.

Kinds are `saliency`, `cams`, `labels`, `label_saliency` (the saliency labels of a label set), `predictions`.
"""

SALIENT = 0.5
"""The threshold for the numbers of single saliency maps."""
HARDLY = 0.002
"""Share of an image's pixels below which a class that it shows counts as missed: a square of 20 pixels in 500 x 375."""


@dataclass
class Tally:
    """Counts over images; `+=` adds those of other images.

    Attributes:
        images: Number of images.
        masked: Images that have a true mask.
        empty: Images without foreground (saliency: nothing salient; CAMs: zero everywhere).
    """

    images: int = 0
    masked: int = 0
    empty: int = 0

    def __iadd__(self, other: Any) -> Tally:
        for item in fields(self):
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            if isinstance(mine, dict):
                for key, value in theirs.items():
                    mine[key] = mine[key] + value if key in mine else value
            else:
                setattr(self, item.name, mine + theirs)
        return self


@dataclass
class SegmentationTally(Tally):
    """Counts of label maps: the confusion matrix (C+2, C+2), and agreement with the image-level labels.

    Attributes:
        ignored: Images that are 255 everywhere.
        named: Pairs of an image and a class that its image-level labels name.
        absent: Such pairs without a pixel of the class in the label map.
        images_of: (C+2,) images in which a label occurs.
        named_of: (C+2,) images whose image-level labels name a label's class.
        missed_of: (C+2,) those of them in which the label has less than `HARDLY` of the pixels.
        unnamed: Pixels of classes that the image-level labels do not name.
    """

    matrix: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))
    ignored: int = 0
    named: int = 0
    absent: int = 0
    images_of: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))
    named_of: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))
    missed_of: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))
    unnamed: int = 0


@dataclass
class SaliencyTally(Tally):
    """Counts of saliency maps: levels of background, foreground and unknown (3, 256), and the summed errors."""

    histogram: np.ndarray = field(default_factory=lambda: np.zeros((3, 256), np.int64))
    error: float = 0.0


@dataclass
class CamTally(Tally):
    """Counts of CAMs: the tables of `seed_counts` per class, and pixels per true class (C+2,)."""

    tables: dict[int, np.ndarray] = field(default_factory=dict)
    truth: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))


@dataclass(frozen=True)
class Sources:
    """All artifacts to evaluate; can be pickled to worker processes.

    Attributes:
        saliency_splits: Splits that have saliency maps.
        labels: Label sets over `train`, in the order in which they were made.
        predictions: Name -> split and artifact.
    """

    dataset: Dataset
    saliency: ArtifactReader | None
    cams: ArtifactReader | None
    labels: Mapping[str, ArtifactReader]
    predictions: Mapping[str, tuple[str, ArtifactReader]]
    saliency_splits: tuple[str, ...] = ()
    sweep: bool = True


ImageRow = dict[str, Any]


@dataclass
class Measured:
    """The tallies of some images, and a row per image and evaluated map."""

    images: int = 0
    tallies: dict[Key, Tally] = field(default_factory=dict)
    rows: list[ImageRow] = field(default_factory=list)

    def add(self, key: Key, tally: Tally) -> None:
        """Add to the tally of one evaluated thing."""
        if key in self.tallies:
            self.tallies[key] += tally
        else:
            self.tallies[key] = tally


def measure(sources: Sources, task: tuple[str, list[str]]) -> Measured:
    """Count some images of a split.

    Args:
        sources: What is evaluated.
        task: The split, and ids of its images.

    Raises:
        InputError: If an artifact lacks an image or does not fit the data set.
    """
    split, images = task
    measured = Measured(len(images))
    for image_id in images:
        truth = sources.dataset.mask(image_id)
        if sources.saliency is not None and split in sources.saliency_splits:
            _measure_saliency(measured, sources.saliency, ("saliency", "saliency", split), image_id, sources, truth)
        if split == "train":
            _measure_cams(measured, sources, image_id, truth)
            _measure_label_sets(measured, sources, image_id, truth)
        for name, (of_split, reader) in sources.predictions.items():
            if of_split == split:
                labels = reader.read("segmentation", image_id)
                _measure_labels(measured, ("predictions", name, split), reader, image_id, labels, sources, truth)
    return measured


def _measure_label_sets(measured: Measured, sources: Sources, image_id: str, truth: np.ndarray | None) -> None:
    before: np.ndarray | None = None
    for name, reader in sources.labels.items():
        labels = reader.read("segmentation", image_id)
        row = _measure_labels(measured, ("labels", name, "train"), reader, image_id, labels, sources, truth)
        if before is not None and before.shape == labels.shape:
            row["change"] = changed_share(labels, before)
        before = labels
        if reader.has("saliency", image_id):
            _measure_saliency(measured, reader, ("label_saliency", name, "train"), image_id, sources, truth)


def _measure_labels(
    measured: Measured,
    key: Key,
    reader: ArtifactReader,
    image_id: str,
    labels: np.ndarray,
    sources: Sources,
    truth: np.ndarray | None,
) -> ImageRow:
    dataset = sources.dataset
    try:
        matrix = confusion_matrix(truth, labels, dataset.num_classes, dataset.ignore_index)
    except ValueError as error:
        raise _unfit(reader, image_id, error) from None
    pixels = matrix.sum(axis=0)
    total, ignored, foreground = int(pixels.sum()), int(pixels[-1]), int(pixels[1:-1].sum())
    named = np.flatnonzero(dataset.image_labels(image_id)) + 1
    is_named = np.isin(np.arange(len(pixels)), named)
    tally = SegmentationTally(
        images=1,
        masked=int(truth is not None),
        empty=int(foreground == 0),
        matrix=matrix,
        ignored=int(ignored == total),
        named=len(named),
        absent=int((pixels[named] == 0).sum()),
        images_of=(pixels > 0).astype(np.int64),
        named_of=is_named.astype(np.int64),
        missed_of=(is_named & (pixels < HARDLY * total)).astype(np.int64),
        unnamed=foreground - int(pixels[named].sum()),
    )
    measured.add(key, tally)
    row = _row(key, image_id)
    row["iou"] = mean(class_scores(matrix).iou) if truth is not None else None
    row["coverage"] = 1 - ignored / max(total, 1)
    row["foreground"] = foreground / max(total, 1)
    measured.rows.append(row)
    return row


def _measure_saliency(
    measured: Measured,
    reader: ArtifactReader,
    key: Key,
    image_id: str,
    sources: Sources,
    truth: np.ndarray | None,
) -> None:
    try:
        histogram = saliency_histogram(truth, reader.read("saliency", image_id), sources.dataset.ignore_index)
    except ValueError as error:
        raise _unfit(reader, image_id, error) from None
    salient = histogram[:, np.arange(256) / 255 > SALIENT].sum()
    distance = saliency_error(histogram)
    judged = not np.isnan(distance)
    tally = SaliencyTally(images=1, masked=int(judged), empty=int(salient == 0), histogram=histogram)
    tally.error = distance if judged else 0.0
    measured.add(key, tally)
    if key[0] == "saliency":
        row = _row(key, image_id)
        row["iou"] = saliency_scores(histogram, SALIENT)["iou"] if judged else None
        row["foreground"] = float(salient / max(histogram.sum(), 1))
        measured.rows.append(row)


def _measure_cams(measured: Measured, sources: Sources, image_id: str, truth: np.ndarray | None) -> None:
    if sources.cams is None:
        return
    dataset, size = sources.dataset, sources.dataset.size(image_id)
    cams, attributes = sources.cams.read_with_attributes("cams", image_id)
    classes = [int(value) for value in attributes["classes"]]
    saliency = sources.saliency.read("saliency", image_id) if sources.saliency is not None and sources.sweep else None
    tables = seed_counts(cams, classes, saliency, truth, size, dataset.ignore_index)
    counts = np.zeros(dataset.num_classes + 2, np.int64)
    if truth is not None:
        values = np.bincount(truth.ravel(), minlength=256)
        counts[:-1] = values[: dataset.num_classes + 1]
    empty = int(not cams.size or float(cams.max()) <= 0)
    tally = CamTally(images=1, masked=int(truth is not None), empty=empty, tables=tables, truth=counts)
    measured.add(("cams", "cams", "train"), tally)


def _row(key: Key, image_id: str) -> ImageRow:
    kind, name, split = key
    return {"image": image_id, "split": split, "kind": kind, "name": name}


def _unfit(reader: ArtifactReader, image_id: str, error: ValueError) -> InputError:
    return InputError(f"{reader.path}: image `{image_id}`: {error}; it does not fit the index: build it again")
