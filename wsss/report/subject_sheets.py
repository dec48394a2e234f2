"""Draw a contact sheet for every label set and every network, on one page of paper each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.data import Dataset
from wsss.report.charts import percent
from wsss.report.evaluations import Evaluation, Record, title, uses
from wsss.report.gallery import PictureColumn, artifacts_of, draw_gallery, further_masks
from wsss.report.sheets import contact_sheet, look_of_labels, one_page
from wsss.store import ArtifactReader

_METRICS = {
    "labels": (("precision", "precision"), ("coverage", "coverage"), ("miou", "mIoU (255 a miss)")),
    "predictions": (("miou", "mIoU"),),
}
_READ = "stripes are 255. Numbers below a picture are of that one image."


@dataclass(frozen=True)
class Subject:
    """One label set or prediction that gets a sheet.

    Attributes:
        name: Name of the file, without the suffix; sorts in the order of the pipeline.
        heading: First line of the sheet.
        item: Its record.
        path: Its artifact.
        evaluation: The evaluation of its branch.
    """

    name: str
    heading: str
    item: Record
    path: Path
    evaluation: Evaluation


def subjects(dataset: Dataset, variants: Mapping[str, Sequence[Evaluation]]) -> list[Subject]:
    """List all label sets and predictions of the first seed of every variant; shared ones appear once."""
    found: list[Subject] = []
    seen: set[Path] = set()
    for variant, evaluations in variants.items():
        for split in dataset.splits:
            for item, path in artifacts_of(evaluations[0], split):
                if item["kind"] == "cams" or path in seen:
                    continue
                seen.add(path)
                named = variant if variant and len(variants) > 1 else ""
                words = " ".join([named, title(item), split]).strip()
                name = f"{len(found) + 1:02}_{re.sub(r'[^A-Za-z0-9]+', '_', words).strip('_')}"
                heading = f"{named}: {title(item)}" if named else title(item)[0].upper() + title(item)[1:]
                found.append(Subject(name, f"{heading}, {split}", item, path, evaluations[0]))
    return found


def subject_sheet(
    dataset: Dataset, subject: Subject, *, saliency: Path | None, count: int, palette: np.ndarray, longest: int
) -> Image.Image:
    """Draw the sheet of one label set or prediction: images from its worst to its best.

    Args:
        saliency: Artifact of stage `saliency`, for labels without saliency of their own.
        count: Most images.
        longest: Longest side of a picture, in pixels.
    """
    item = subject.item
    gallery = draw_gallery(
        dataset,
        _columns(dataset, subject, saliency),
        (title(item), subject.evaluation.numbers_of(item)),
        item["split"],
        count=count,
        palette=palette,
        longest=longest,
    )
    scores = [
        f"{words} {percent(item['metrics'][metric])}"
        for metric, words in _METRICS[item["kind"]]
        if item["metrics"].get(metric) is not None
    ]
    scored = f"In percent on {item['split']}: {', '.join(scores)}. " if scores else ""
    order = f"Sorted {gallery.order}. " if gallery.order.startswith("from") else ""
    names = dataset.class_names
    caption = f"{scored}Made and judged: {item['protocol'].rstrip('.')}. {order}{look_of_labels(names)}, {_READ}"
    return contact_sheet(one_page(gallery), names, palette, heading=subject.heading, caption=caption)


def _columns(dataset: Dataset, subject: Subject, saliency: Path | None) -> list[PictureColumn]:
    """Return the columns: photograph, sources of the labels, labels or prediction, truth."""
    item, path = subject.item, subject.path
    columns = [PictureColumn("photograph", "photograph")]
    with ArtifactReader(path) as reader:
        own = reader.kinds()
    if "saliency" in own:
        columns.append(PictureColumn("saliency", "saliency, updated", ArtifactReader(path)))
    elif saliency is not None and uses(item, "saliency"):
        columns.append(PictureColumn("saliency", "saliency", ArtifactReader(saliency, "saliency")))
    cams = subject.evaluation.artifact("cams")
    if "cams" in own:
        columns.append(PictureColumn("cams", "CAMs, refined", ArtifactReader(path)))
    elif cams is not None and cams.is_file() and uses(item, "cams"):
        columns.append(PictureColumn("cams", "CAMs", ArtifactReader(cams)))
    columns += further_masks(item, path)
    numbers = subject.evaluation.numbers_of(item)
    columns.append(PictureColumn("segmentation", title(item), ArtifactReader(path), numbers))
    if dataset.has_masks(item["split"]):
        columns.append(PictureColumn("truth", "truth"))
    return columns
