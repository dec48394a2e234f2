"""Choose the images to show and the maps of each: samples from the worst to the best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.data import Dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.pipeline.stages import STAGES
from wsss.report.evaluations import Evaluation, Record, final_prediction, title
from wsss.report.image_numbers import ImageNumbers
from wsss.report.tiles import Tiles
from wsss.store import ArtifactReader


@dataclass(frozen=True)
class PictureColumn:
    """One kind of picture that every sample has.

    Attributes:
        kind: `photograph`, `saliency`, `cams`, `truth`, or a kind of label maps in the artifact.
        title: Text below it.
        reader: The artifact that holds it; None for photograph and truth.
        numbers: Image -> its numbers.
    """

    kind: str
    title: str
    reader: ArtifactReader | None = None
    numbers: ImageNumbers | None = None


@dataclass(frozen=True)
class Tile:
    """One picture with the text below it."""

    title: str
    note: str
    image: Image.Image


@dataclass(frozen=True)
class Sample:
    """One image with all its pictures.

    Attributes:
        classes: The label values that its image-level labels name.
        shown: Those, and all others that occur in its pictures, without background and 255.
    """

    image_id: str
    classes: tuple[int, ...]
    tiles: tuple[Tile, ...]
    shown: frozenset[int]


@dataclass(frozen=True)
class Gallery:
    """The samples of a split.

    Attributes:
        order: The order of the samples, in words.
    """

    split: str
    order: str
    samples: tuple[Sample, ...]

    @property
    def shown(self) -> tuple[int, ...]:
        """Label values that occur in the samples, in ascending order."""
        return tuple(sorted(frozenset[int]().union(*(sample.shown for sample in self.samples))))


def make_gallery(
    dataset: Dataset,
    variants: Mapping[str, Sequence[Evaluation]],
    split: str,
    *,
    saliency: Path | None,
    count: int,
    palette: np.ndarray,
    longest: int,
) -> Gallery | None:
    """Draw samples of a split, the first seed of each variant; None if there is nothing to show.

    Args:
        saliency: Artifact of stage `saliency`.
        count: How many samples.
        longest: Longest side of a picture, in pixels.
    """
    if split not in dataset.splits:
        return None
    columns = _columns(dataset, variants, split, saliency)
    first = next(iter(variants.values()))[0]
    if len(columns) < 3:
        return None
    return draw_gallery(dataset, columns, _ranking(first, split), split, count=count, palette=palette, longest=longest)


def draw_gallery(
    dataset: Dataset,
    columns: Sequence[PictureColumn],
    ranking: tuple[str, ImageNumbers],
    split: str,
    *,
    count: int,
    palette: np.ndarray,
    longest: int,
) -> Gallery:
    """Draw the samples, then close the readers of the columns.

    Args:
        columns: The pictures to draw of each.
        ranking: The numbers to sort the samples by, as words and per image.
        count: How many samples.
        longest: Longest side of a picture, in pixels.
    """
    columns = [
        column if column.reader is None else replace(column, reader=IndexedArtifact.of(column.reader, dataset))
        for column in columns
    ]
    ids, order = choose(ranking, dataset.ids(split), count)
    samples = tuple(_sample(dataset, image_id, columns, palette, longest) for image_id in ids)
    for column in columns:
        if column.reader is not None:
            column.reader.close()
    return Gallery(split, order, samples)


def choose(numbers: tuple[str, ImageNumbers], ids: Sequence[str], count: int) -> tuple[list[str], str]:
    """Choose images evenly from the worst to the best, both included, and say in words what they are sorted by.

    Args:
        numbers: The owner of the numbers, in words, and the numbers per image.
    """
    what, per_image = numbers
    for key, words in (("iou", "IoU"), ("coverage", "coverage")):
        known = per_image.count(key)
        if known:
            places = set(np.linspace(0, known - 1, min(count, known)).round().astype(int).tolist())
            # none but these as a list, for there may be a hundred thousand
            chosen = [image for place, image in enumerate(per_image.in_order(key)) if place in places]
            return chosen, f"from the worst to the best by {words} of {what}"
    return list(ids[:count]), "the first of the list"


def _ranking(evaluation: Evaluation, split: str) -> tuple[str, ImageNumbers]:
    """Return the numbers that sort the samples: of the last label set on `train`, else of the final prediction."""
    labels = evaluation.of_kind("labels") if split == "train" else []
    final = labels[-1] if labels else final_prediction(evaluation)
    if final is None or final["split"] != split:
        return "", ImageNumbers()
    return title(final), evaluation.numbers_of(final)


def _columns(
    dataset: Dataset, variants: Mapping[str, Sequence[Evaluation]], split: str, saliency: Path | None
) -> list[PictureColumn]:
    columns = [PictureColumn("photograph", "photograph")]
    if saliency is not None and (maps := IndexedArtifact(saliency, "saliency", dataset)).covers(split):
        maps.require("saliency", dataset.ids(split))
        columns.append(PictureColumn("saliency", "saliency", maps))
    uses = Counter(path for items in variants.values() for _, path in artifacts_of(items[0], split))
    seen: set[Path] = set()
    for variant, evaluations in variants.items():
        columns += _columns_of(evaluations[0], split, f"{variant}: " if len(variants) > 1 else "", uses, seen)
    if dataset.has_masks(split):
        columns.append(PictureColumn("truth", "truth"))
    return columns


def artifacts_of(evaluation: Evaluation, split: str) -> list[tuple[Record, Path]]:
    """Return CAMs, labels and predictions of one branch, each with its file, where the file exists."""
    found = []
    for item in evaluation.of_kind("cams", "labels", "predictions"):
        path = evaluation.artifact(item["kind"], item["name"])
        if item["split"] == split and path is not None and path.is_file():
            found.append((item, path))
    return found


def _columns_of(
    evaluation: Evaluation, split: str, prefix: str, uses: Mapping[Path, int], seen: set[Path]
) -> list[PictureColumn]:
    """Return one branch's columns; what branches share is shown once, without the name of a variant."""
    columns = []
    for item, path in artifacts_of(evaluation, split):
        if path in seen:
            continue
        seen.add(path)
        kind = "cams" if item["kind"] == "cams" else "segmentation"
        words = title(item) if uses[path] > 1 else prefix + title(item)
        columns.append(PictureColumn(kind, words, ArtifactReader(path), evaluation.numbers_of(item)))
        columns += further_masks(item, path, f"{words}: ")
    return columns


def further_masks(item: Record, path: Path, prefix: str = "") -> list[PictureColumn]:
    """Return a column for each further label map of the stage; it is drawn where the artifact has it."""
    stage = STAGES.get(str(item["stage"]))
    masks = stage.masks if stage is not None else {}
    return [PictureColumn(kind, prefix + words, ArtifactReader(path)) for kind, words in masks.items()]


def _sample(
    dataset: Dataset, image_id: str, columns: Sequence[PictureColumn], palette: np.ndarray, longest: int
) -> Sample:
    tiles = Tiles(dataset.image(image_id), palette, longest=longest, ignore_index=dataset.ignore_index)
    classes = tuple(int(place) + 1 for place in np.flatnonzero(dataset.image_labels(image_id)))
    shown, drawn = set(classes), []
    for column in columns:
        image, values = _draw(tiles, dataset, image_id, column)
        if image is None:
            continue
        shown |= values
        numbers = column.numbers.get(image_id, {}) if column.numbers is not None else {}
        drawn.append(Tile(column.title, _note(numbers), image))
    return Sample(image_id, classes, tuple(drawn), frozenset(shown - {0, dataset.ignore_index}))


def _draw(tiles: Tiles, dataset: Dataset, image_id: str, column: PictureColumn) -> tuple[Image.Image | None, set[int]]:
    """Draw the picture of one column, and return the label values in it."""
    if column.kind == "photograph":
        return tiles.photograph(), set()
    if column.kind == "truth":
        truth = dataset.mask(image_id)
        return (tiles.labels(truth), _values(truth)) if truth is not None else (None, set())
    reader = column.reader
    if reader is None or not reader.has(column.kind, image_id):
        return None, set()
    array, attributes = reader.read_with_attributes(column.kind, image_id)
    if column.kind == "saliency":
        return tiles.saliency(array), set()
    if column.kind == "cams":
        classes = [int(value) for value in attributes["classes"]]
        return tiles.cams(array, classes), set(classes)
    return tiles.labels(array), _values(array)


def _values(labels: np.ndarray) -> set[int]:
    return set(np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist())


def _note(numbers: Mapping[str, float]) -> str:
    parts = []
    if "iou" in numbers:
        parts.append(f"IoU {100 * numbers['iou']:.0f}")
    if numbers.get("coverage", 1) < 0.9995:
        parts.append(f"{100 * numbers['coverage']:.0f} % labelled")
    return " · ".join(parts)
