"""One picture of what a run makes: training images with CAMs and labels, unseen images with predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from wsss.data import Dataset
from wsss.errors import InputError
from wsss.files import encoded
from wsss.ops.palette import PALETTES
from wsss.pipeline.names import label_set
from wsss.pipeline.stages import METHODS
from wsss.report.evaluations import Evaluation, Record, final_prediction, title
from wsss.report.gallery import Gallery, PictureColumn, artifacts_of, draw_gallery
from wsss.report.sheets import INK, MUTED, PAPER, font
from wsss.store import ArtifactReader

CELL, GAP, MARGIN = 190, 8, 16
HEADING, WORDS = 34, 24


def draw_run(dataset: Dataset, evaluation: Evaluation, *, images: int, palette: str) -> Image.Image:
    """Draw some images of each split, from the middle of the range of quality.

    Args:
        dataset: Of the run.
        evaluation: Of the branch that is shown.
        images: How many of each split.
        palette: Name of the colours of classes.

    Raises:
        InputError: If the run has neither labels nor predictions to show.
    """
    colours = PALETTES[palette]()
    blocks = [
        ("Training images: the pipeline sees the photograph and the names of its classes", _training(evaluation)),
        ("Unseen images: what the trained networks say", _unseen(evaluation)),
    ]
    drawn = [(heading, _gallery(dataset, evaluation, items, images, colours)) for heading, items in blocks if items]
    if not drawn:
        raise InputError(f"{evaluation.path}: no labels or predictions with their files are there; run the pipeline")
    return _stacked(drawn)


def picture_bytes(picture: Image.Image, suffix: str) -> bytes:
    """Encode a picture in the form that a suffix names; JPEG is small."""
    form = Image.registered_extensions()[suffix.lower()]
    return encoded(picture, form, **({"quality": 85, "subsampling": 0} if form == "JPEG" else {}))


def _training(evaluation: Evaluation) -> list[tuple[Record, Path]]:
    """Choose the CAMs and all label sets that are not made from others."""
    found = artifacts_of(evaluation, "train")
    return [
        (item, path)
        for item, path in found
        if item["kind"] == "cams"
        or (item["kind"] == "labels" and (made := label_set(item["name"])) is not None and not made.label_set)
    ]


def _unseen(evaluation: Evaluation) -> list[tuple[Record, Path]]:
    """Choose the last prediction of every method."""
    finals = [final_prediction(evaluation, method=method) for method in ("", *METHODS)]
    chosen = [item["name"] for item in finals if item is not None]
    return [(item, path) for item, path in artifacts_of(evaluation, "val") if item["name"] in chosen]


def _gallery(
    dataset: Dataset,
    evaluation: Evaluation,
    items: Sequence[tuple[Record, Path]],
    images: int,
    palette: np.ndarray,
) -> Gallery:
    columns = [PictureColumn("photograph", "photograph")]
    columns += [
        PictureColumn("cams" if item["kind"] == "cams" else "segmentation", title(item), ArtifactReader(path))
        for item, path in items
    ]
    last, split = items[-1][0], items[-1][0]["split"]
    if dataset.has_masks(split):
        columns.append(PictureColumn("truth", "truth"))
    # two more than are shown: the worst and the best are left out
    ranking = (title(last), evaluation.numbers_of(last))
    gallery = draw_gallery(dataset, columns, ranking, split, count=images + 2, palette=palette, longest=CELL)
    kept = gallery.samples[1:-1] if len(gallery.samples) == images + 2 else gallery.samples[:images]
    return replace(gallery, samples=kept)


def _stacked(blocks: Sequence[tuple[str, Gallery]]) -> Image.Image:
    """Put the blocks below each other: a heading, the names of the columns, one row per image."""
    columns = max(len(sample.tiles) for _, gallery in blocks for sample in gallery.samples)
    heights = [[max(tile.image.height for tile in sample.tiles) for sample in gallery.samples] for _, gallery in blocks]
    height = sum(HEADING + WORDS + sum(rows) + GAP * len(rows) for rows in heights)
    picture = Image.new("RGB", (2 * MARGIN + columns * (CELL + GAP) - GAP, height + 2 * MARGIN), PAPER)
    draw, y = ImageDraw.Draw(picture), MARGIN
    for (heading, gallery), rows in zip(blocks, heights, strict=True):
        draw.text((MARGIN, y), heading, INK, font(17, bold=True))
        y += HEADING
        for place, tile in enumerate(gallery.samples[0].tiles):
            draw.text((MARGIN + place * (CELL + GAP), y), tile.title, MUTED, font(13))
        y += WORDS
        for sample, row in zip(gallery.samples, rows, strict=True):
            for place, tile in enumerate(sample.tiles):
                left = MARGIN + place * (CELL + GAP) + (CELL - tile.image.width) // 2
                picture.paste(tile.image, (left, y + (row - tile.image.height) // 2))
            y += row + GAP
    return picture
