"""Stage `report`: the page and the pictures that show what came out.

`report.html` needs nothing beside it. In the folder `report/` beside it lie, under these names always, for
Snakemake's report and for talks:

- `contact_sheet.jpg`: training images with saliency, CAMs, label sets and truth, from the worst to the best
- `predictions.jpg`: validation images with predictions and truth
- `rounds.jpg`: training images with the labels of every round of AuxSegNet
- `rounds.svg`: scores over those rounds
- `pipeline.svg`: mIoU through the pipeline (per variant)
- `classes.svg`: IoU per class
- `thresholds.svg`: scores over the thresholds of CAMs and saliency
- `curves.svg`: losses and validation of every training
- `masks.svg`: labels that AA&LR learned from, epoch by epoch
- `numbers.html`: all tables, for paper
- `sheets/`: one contact sheet per label set and network, each of one page
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsss.config import Report
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.ops.palette import PALETTES
from wsss.report import figures
from wsss.report.charts import WIDE, picture
from wsss.report.curves import curve_charts
from wsss.report.evaluations import Evaluation, Record, by_variant, load_evaluation
from wsss.report.gallery import Gallery, make_gallery, make_rounds_gallery
from wsss.report.masks import mask_charts
from wsss.report.method_sheets import method_sheet, subjects
from wsss.report.numbers import numbers_page
from wsss.report.page import Page
from wsss.report.rounds import rounds_chart
from wsss.report.sheets import contact_sheet, empty_sheet, save_sheet
from wsss.store import ArtifactReader

FIGURES = (
    "contact_sheet.jpg",
    "predictions.jpg",
    "rounds.jpg",
    "pipeline.svg",
    "rounds.svg",
    "classes.svg",
    "thresholds.svg",
    "curves.svg",
    "masks.svg",
    "numbers.html",
    "sheets",
)
"""What lies in the folder `report`; `sheets` is a folder itself."""
LONGEST = 400
"""Longest side of a picture on the page, in pixels."""
SHEETS = {
    "train": (
        "contact_sheet.jpg",
        "Training images",
        "Photograph, what the stages made of it, and the truth. Background is the photograph in dim grey, objects have "
        "the colour of their class, stripes are 255: pixels that no network learns from (in truth, borders that are "
        "not judged).",
    ),
    "val": (
        "predictions.jpg",
        "Validation images",
        "Photograph, predictions of the trained networks, and the truth. Background is the photograph in dim grey, "
        "objects have the colour of their class, stripes are borders that are not judged.",
    ),
    "rounds": (
        "rounds.jpg",
        "Labels, round by round",
        "Photograph, saliency, the seed labels, and saliency and labels as each round of AuxSegNet has updated them; "
        "the truth last. Background is the photograph in dim grey, objects have the colour of their class, stripes are "
        "255: pixels that no network learns from.",
    ),
}

ROUNDS_NOTE = "labels on train, 255 a miss in mIoU; networks on val"
CURVES_NOTE = "losses as they fell, averaged over some steps each; scores on the validation images"
MASKS_NOTE = "counted over the crops of an epoch; precision and mIoU where the training was let count true masks"
NO_ROUNDS = "This run has no rounds of AuxSegNet."

logger = logging.getLogger(__name__)


def report(
    settings: Report,
    *,
    index: Path,
    evaluations: Sequence[Path],
    output: Path,
    saliency: Path | None = None,
    context: RunContext = RunContext(),
) -> None:
    """Writes the page, and the figures in the folder `report` beside it.

    Args:
        settings: How many samples, which colours.
        index: Artifact of stage `index`.
        evaluations: `metrics.json` of every branch (variant and seed); all other artifacts are found by them.
        output: `report.html`.
        saliency: Artifact of stage `saliency`; None takes the one that was evaluated.

    Raises:
        InputError: If an evaluation or an artifact is missing or damaged.
    """
    if not evaluations:
        raise InputError("report: no evaluation; pass at least one metrics.json of the stage evaluate")
    dataset = load_dataset(index)
    loaded = [load_evaluation(path) for path in evaluations]
    palette = PALETTES[settings.palette]()
    galleries = _galleries(settings, dataset, loaded, saliency, palette)
    logger.info("report: %d images drawn", sum(len(gallery.samples) for gallery in galleries.values()))
    folder = output.parent / "report"
    folder.mkdir(parents=True, exist_ok=True)
    _write_sheets(folder, galleries, dataset.class_names, palette)
    _write_method_sheets(settings, folder / "sheets", dataset, loaded, saliency, palette)
    _write_charts(folder, loaded)
    _replace(folder / "numbers.html", numbers_page(loaded, palette))
    page = Page(loaded, galleries, palette, _artifacts(loaded[0]))
    _replace(output, page.html())


def _galleries(
    settings: Report, dataset: Dataset, evaluations: Sequence[Evaluation], saliency: Path | None, palette: np.ndarray
) -> dict[str, Gallery]:
    found = {}
    for split in dataset.splits:
        gallery = make_gallery(
            dataset,
            by_variant(evaluations),
            split,
            saliency=saliency or evaluations[0].artifact("saliency"),
            count=settings.samples,
            palette=palette,
            longest=LONGEST,
        )
        if gallery is not None:
            found[split] = gallery
    updated = [items[0] for items in by_variant(evaluations).values() if any(map(_is_updated, items[0].records))]
    if updated:
        rounds = make_rounds_gallery(
            dataset,
            updated[0],
            saliency=saliency or updated[0].artifact("saliency"),
            count=settings.samples,
            palette=palette,
            longest=LONGEST,
        )
        if rounds is not None:
            found["rounds"] = rounds
    return found


def _is_updated(record: Record) -> bool:
    return record["kind"] == "labels" and record["stage"] == "update_labels"


def _write_sheets(
    folder: Path, galleries: Mapping[str, Gallery], class_names: Sequence[str], palette: np.ndarray
) -> None:
    for split, (name, heading, caption) in SHEETS.items():
        if split in galleries:
            gallery = galleries[split]
            words = f"{caption} Sorted {gallery.order}." if gallery.order.startswith("from") else caption
            sheet = contact_sheet(gallery, class_names, palette, heading=heading, caption=words)
        else:
            sheet = empty_sheet(
                heading, f"This run has nothing to show on {split}." if split != "rounds" else NO_ROUNDS
            )
        save_sheet(sheet, folder / name)


def _write_method_sheets(
    settings: Report,
    folder: Path,
    dataset: Dataset,
    evaluations: Sequence[Evaluation],
    saliency: Path | None,
    palette: np.ndarray,
) -> None:
    """The sheets in a folder that is new, so that none of an earlier run of other methods stays."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        found = subjects(dataset, by_variant(evaluations))
        for subject in found:
            sheet = method_sheet(
                dataset,
                subject,
                saliency=saliency or evaluations[0].artifact("saliency"),
                count=settings.samples,
                palette=palette,
                longest=LONGEST,
            )
            save_sheet(sheet, temporary / f"{subject.name}.jpg")
        if not found:
            save_sheet(
                empty_sheet("Rounds and methods", "This run has no labels or predictions."), temporary / "none.jpg"
            )
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_charts(folder: Path, evaluations: Sequence[Evaluation]) -> None:
    first, variants = evaluations[0], by_variant(evaluations)
    curve, rounds = figures.cam_chart(first, WIDE), rounds_chart(variants, WIDE)
    maps, limit = figures.heat_maps(first, 520)
    curves, masks = curve_charts(variants, WIDE), mask_charts(variants, WIDE)
    rule = f"maps: background where saliency is low and {limit}; ● this run, + best" if maps else ""
    charts = {
        "pipeline.svg": picture("mIoU through the pipeline, in percent", [figures.pipeline_chart(variants, WIDE)]),
        "classes.svg": picture("IoU per class, in percent", [figures.class_chart(first, WIDE)]),
        "thresholds.svg": picture("Thresholds of CAMs and saliency, on the masks of train", [curve, *maps], note=rule)
        if curve
        else picture("Thresholds", [], note="This run has no scan of thresholds."),
        "rounds.svg": picture("The rounds of AuxSegNet, in percent", [rounds], note=ROUNDS_NOTE)
        if rounds
        else picture("Rounds", [], note=NO_ROUNDS),
        "curves.svg": picture(
            "The trainings",
            [chart for _, chart in curves],
            headings=[name for name, _ in curves],
            note=CURVES_NOTE if curves else "No curves lie beside this run's checkpoints.",
        ),
        "masks.svg": picture(
            "Labels made on the way",
            [chart for _, chart in masks],
            headings=[name for name, _ in masks],
            note=MASKS_NOTE if masks else "No training of this run has losses that make or reassign labels.",
        ),
    }
    for name, svg in charts.items():
        _replace(folder / name, svg + "\n")


def _artifacts(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """The root attributes of everything that was evaluated, by path relative to the evaluation."""
    inputs = evaluation.content["inputs"]
    names = [(kind, "") for kind in ("index", "saliency", "cams") if inputs.get(kind)]
    names += [(kind, name) for kind in ("labels", "predictions") for name in inputs.get(kind, {})]
    found = {}
    for kind, name in names:
        path = evaluation.artifact(kind, name)
        if path is not None and path.is_file():
            with ArtifactReader(path) as reader:
                found[f"{kind} {name}".strip()] = reader.attributes
    return found


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
