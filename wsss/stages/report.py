"""Stage `report`: write the page and the pictures of a run.

`report.html` needs nothing beside it. The folder `report/` beside it always holds these files, for Snakemake's report
and for talks:

- `contact_sheet.jpg`: training images with saliency, CAMs, label sets and truth, from the worst to the best
- `predictions.jpg`: validation images with predictions and truth
- `pipeline.svg`: mIoU through the pipeline (per variant)
- `classes.svg`: IoU per class
- `thresholds.svg`: scores over the thresholds of CAMs and saliency
- `curves.svg`: losses and validation of every training
- `numbers.html`: all tables, for paper
- `sheets/`: one contact sheet per label set and network, each of one page
- the charts and contact sheets of methods and stages that have any (`wsss.report.parts`)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsss.config import Report
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.inputs import dataset_inputs
from wsss.errors import InputError
from wsss.label_values import has_background
from wsss.ops.palette import PALETTES
from wsss.outputs import OutputFolder
from wsss.report import figures
from wsss.report.charts import WIDE, picture
from wsss.report.curves import curve_charts
from wsss.report.evaluations import Evaluation, by_variant, load_evaluation
from wsss.report.gallery import Gallery, make_gallery
from wsss.report.numbers import numbers_page
from wsss.report.page import Page
from wsss.report.parts import Look, report_parts
from wsss.report.sheets import contact_sheet, empty_sheet, look_of_labels, sheet_bytes
from wsss.report.subject_sheets import Subject, subject_sheet, subjects
from wsss.stages.outputs import checks_output
from wsss.store import ArtifactReader

FIGURES = (
    "contact_sheet.jpg",
    "predictions.jpg",
    "pipeline.svg",
    "classes.svg",
    "thresholds.svg",
    "curves.svg",
    "numbers.html",
    "sheets",
    *(file for part in report_parts().values() for file in part.files),
)
"""All names in the folder `report`; `sheets` is a folder itself."""
LONGEST = 400
"""Longest side of a picture on the page, in pixels."""
SHEETS = {
    "train": (
        "contact_sheet.jpg",
        "Training images",
        "Photograph, {sources}, label sets, truth. {look}. Stripes are 255: no network learns from these pixels; in "
        "truth they are borders that are not judged.",
    ),
    "val": (
        "predictions.jpg",
        "Validation images",
        "Photograph, predictions of the trained networks, truth. {look}, stripes are borders that are not judged.",
    ),
}

CURVES_NOTE = "losses, averaged over a few steps each, and scores on the validation images"
logger = logging.getLogger(__name__)


@checks_output
def report(
    settings: Report,
    *,
    index: Path,
    evaluations: Sequence[Path],
    output: Path,
    saliency: Path | None = None,
    context: RunContext = RunContext(),
) -> None:
    """Write the page, and the figures in the folder `report` beside it.

    Args:
        settings: Number of samples, and colours.
        index: Artifact of stage `index`.
        evaluations: `metrics.json` of every branch (variant and seed). They name all other artifacts.
        output: `report.html`.
        saliency: Artifact of stage `saliency`; None takes the evaluated one.

    Raises:
        InputError: If an evaluation or an artifact is missing or damaged; also, before anything is written, if a file
            would replace an input or anything else that no report wrote.
    """
    if not evaluations:
        raise InputError("report: no evaluation; pass at least one metrics.json of the stage evaluate")
    dataset = load_dataset(index)
    loaded = [load_evaluation(path) for path in evaluations]
    palette = PALETTES[settings.palette]()
    read = [*evaluations, *(path for item in loaded for path in item.artifacts())]
    written = OutputFolder(output.parent, dataset_inputs(dataset, [saliency, *read]))
    folder = output.parent / "report"
    sheets = _subject_sheets(folder / "sheets", dataset, loaded)
    written.check([output, *sheets, *(folder / name for name in FIGURES if name != "sheets")])
    galleries = _galleries(settings, dataset, loaded, saliency, palette)
    logger.info("report: %d images drawn", sum(len(gallery.samples) for gallery in galleries.values()))
    _write_sheets(written, folder, galleries, dataset.class_names, palette)
    _write_subject_sheets(written, sheets, settings, dataset, loaded, saliency, palette)
    written.remove_others(folder / "sheets", keep=sheets)
    _write_charts(written, folder, loaded)
    written.write_text(folder / "numbers.html", numbers_page(loaded, palette))
    page = Page(loaded, galleries, palette, _artifacts(loaded[0]))
    written.write_text(output, page.html())


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
    look = Look(dataset.class_names, palette, settings.samples, LONGEST)
    for method, part in report_parts().items():
        drawn = part.sheet.gallery(dataset, by_variant(evaluations), saliency, look) if part.sheet is not None else None
        if drawn is not None:
            found[method] = drawn
    return found


def _write_sheets(
    written: OutputFolder,
    folder: Path,
    galleries: Mapping[str, Gallery],
    class_names: Sequence[str],
    palette: np.ndarray,
) -> None:
    sheets = [(split, *about, f"This run has nothing to show on {split}.") for split, about in SHEETS.items()]
    for method, sheet in ((method, part.sheet) for method, part in report_parts().items()):
        if sheet is not None:
            sheets.append((method, sheet.file, sheet.heading, sheet.caption, sheet.nothing))
    for key, name, heading, caption, nothing in sheets:
        gallery = galleries.get(key)
        if gallery is None:
            drawn = empty_sheet(heading, nothing)
        else:
            said = caption.format(
                look=look_of_labels(class_names), sources="saliency, CAMs" if has_background(class_names) else "CAMs"
            )
            words = f"{said} Sorted {gallery.order}." if gallery.order.startswith("from") else said
            drawn = contact_sheet(gallery, class_names, palette, heading=heading, caption=words)
        written.write_bytes(folder / name, sheet_bytes(drawn))


def _subject_sheets(folder: Path, dataset: Dataset, evaluations: Sequence[Evaluation]) -> dict[Path, Subject | None]:
    """Return the path of each sheet with what it is about; one of nothing where a run has no labels or predictions."""
    found = subjects(dataset, by_variant(evaluations))
    return {folder / f"{subject.name}.jpg": subject for subject in found} or {folder / "none.jpg": None}


def _write_subject_sheets(
    written: OutputFolder,
    sheets: Mapping[Path, Subject | None],
    settings: Report,
    dataset: Dataset,
    evaluations: Sequence[Evaluation],
    saliency: Path | None,
    palette: np.ndarray,
) -> None:
    for path, subject in sheets.items():
        if subject is None:
            sheet = empty_sheet("Labels and networks", "This run has no labels or predictions.")
        else:
            sheet = subject_sheet(
                dataset,
                subject,
                saliency=saliency or evaluations[0].artifact("saliency"),
                count=settings.samples,
                palette=palette,
                longest=LONGEST,
            )
        written.write_bytes(path, sheet_bytes(sheet))


def _write_charts(written: OutputFolder, folder: Path, evaluations: Sequence[Evaluation]) -> None:
    first, variants = evaluations[0], by_variant(evaluations)
    curve = figures.cam_chart(first, WIDE)
    maps, limit = figures.heat_maps(first, 520)
    curves = curve_charts(variants, WIDE)
    rule = f"maps: background where saliency is low and {limit}; ● this run, + best" if maps else ""
    charts = {
        "pipeline.svg": picture("mIoU through the pipeline, in percent", [figures.pipeline_chart(variants, WIDE)]),
        "classes.svg": picture("IoU per class, in percent", [figures.class_chart(first, WIDE)]),
        "thresholds.svg": picture("Thresholds of CAMs and saliency, on the masks of train", [curve, *maps], note=rule)
        if curve
        else picture("Thresholds", [], note="This run has no scan of thresholds."),
        "curves.svg": picture(
            "The trainings",
            [chart for _, chart in curves],
            headings=[name for name, _ in curves],
            note=CURVES_NOTE if curves else "No curves lie beside this run's checkpoints.",
        ),
        **{part.file: part.picture(variants) for part in report_parts().values() if part.file},
    }
    for name, svg in charts.items():
        written.write_text(folder / name, svg + "\n")


def _artifacts(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Read the root attributes of every evaluated artifact, by path relative to the evaluation."""
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
