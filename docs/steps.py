"""Draw the pictures of "start here", one for each step of a run: `python docs/steps.py results/demo docs/pictures`.

The run must have labels of rounds. The prediction is of the last network that learned from them, as in the demo.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from wsss.data import Dataset, load_dataset
from wsss.ops.palette import PALETTES
from wsss.pipeline.paths import files_of
from wsss.report.evaluations import Evaluation, final_prediction, load_evaluation, title
from wsss.report.gallery import Gallery, PictureColumn, Sample, Tile, artifacts_of, draw_gallery
from wsss.report.run_picture import picture_bytes
from wsss.report.sheets import INK, PAPER, font
from wsss.store import ArtifactReader

IMAGES = 5
CELL, GAP, WORDS = 150, 8, 24
PALETTE = "voc"


def draw_steps(results: Path) -> dict[str, Image.Image]:
    """Draw the steps of a run.

    Args:
        results: Folder of the run, with its evaluation, artifacts and photographs.

    Returns:
        The pictures by their names. Those of training images show the same images, in one order; that of unseen images
        has three rows: photographs, predictions, truth.
    """
    evaluation = load_evaluation(files_of(results, "evaluate")[0])
    index = evaluation.artifact("index")
    if index is None:
        sys.exit(f"error: {evaluation.path}: names no index")
    dataset = load_dataset(index)
    training, unseen = _training(dataset, evaluation, results), _unseen(dataset, evaluation)
    names = ("photographs", "saliency", "cams", "seed_labels", "round_labels")
    rows = {name: [[sample.tiles[place] for sample in training]] for place, name in enumerate(names)}
    rows["predictions"] = [[sample.tiles[place] for sample in unseen] for place in range(len(unseen[0].tiles))]
    # of unseen images, networks are told no classes
    return {
        name: _strip(tiles, training if name == "photographs" else [], dataset.class_names)
        for name, tiles in rows.items()
    }


def _training(dataset: Dataset, evaluation: Evaluation, results: Path) -> list[Sample]:
    """Draw training images, from the middle of the range of quality of the last labels."""
    labels = [item for item in evaluation.of_kind("labels") if item["name"].startswith("auxsegnet_round")]
    chosen = {"seeds", labels[-1]["name"]}
    found = artifacts_of(evaluation, "train")
    columns = [
        PictureColumn("photograph", "photograph"),
        PictureColumn("saliency", "saliency", ArtifactReader(files_of(results, "saliency")[0])),
        *(PictureColumn("cams", title(item), ArtifactReader(path)) for item, path in found if item["kind"] == "cams"),
        *(
            PictureColumn("segmentation", title(item), ArtifactReader(path))
            for item, path in found
            if item["name"] in chosen
        ),
    ]
    return _samples(dataset, evaluation, columns, labels[-1], "train")


def _unseen(dataset: Dataset, evaluation: Evaluation) -> list[Sample]:
    """Draw unseen images, from the middle of the range of quality of the prediction."""
    final = final_prediction(evaluation, method="auxsegnet") or final_prediction(evaluation)
    path = final and evaluation.artifact(final["kind"], final["name"])
    if final is None or path is None:
        sys.exit(f"error: {evaluation.path}: no prediction is evaluated")
    columns = [
        PictureColumn("photograph", "photograph"),
        PictureColumn("segmentation", title(final), ArtifactReader(path)),
        PictureColumn("truth", "truth"),
    ]
    return _samples(dataset, evaluation, columns, final, "val")


def _samples(
    dataset: Dataset, evaluation: Evaluation, columns: list[PictureColumn], by: dict[str, object], split: str
) -> list[Sample]:
    ranking = ("", evaluation.numbers_of(by))
    # two more than are shown: the worst and the best are left out
    gallery: Gallery = draw_gallery(
        dataset, columns, ranking, split, count=IMAGES + 2, palette=PALETTES[PALETTE](), longest=CELL
    )
    return list(gallery.samples[1:-1])


def _strip(rows: list[list[Tile]], named: list[Sample], class_names: tuple[str, ...]) -> Image.Image:
    """Put pictures beside each other; below those of the first row, the classes that the program is told."""
    heights = [max(tile.image.height for tile in row) for row in rows]
    below = [WORDS if named and not place else GAP for place in range(len(rows))]
    picture = Image.new("RGB", (len(rows[0]) * (CELL + GAP) - GAP, sum(heights) + sum(below)), PAPER)
    draw, y = ImageDraw.Draw(picture), 0
    for place, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for column, tile in enumerate(row):
            left = column * (CELL + GAP) + (CELL - tile.image.width) // 2
            picture.paste(tile.image, (left, y + (height - tile.image.height) // 2))
            if named and not place:
                words = ", ".join(class_names[value] for value in named[column].classes)
                middle = column * (CELL + GAP) + CELL // 2
                draw.text((middle, y + height + WORDS // 2), words, INK, font(13), anchor="mm")
        y += height + below[place]
    return picture


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    for name, picture in draw_steps(Path(sys.argv[1])).items():
        (folder / f"step_{name}.jpg").write_bytes(picture_bytes(picture, ".jpg"))
