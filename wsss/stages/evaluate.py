"""Stage `evaluate`: score everything that a run has made, each number with its protocol.

Only this stage reads the masks of weakly supervised classes. Beside `metrics.json` it writes `summary.csv` (one row per
evaluated thing), `per_class.csv`, `per_image.csv` and `sweeps.csv` (every point of the threshold scans).

`metrics.json` (shares are in [0, 1]; unknown numbers are null):

- `format_version`, `stage`, `run`, `variant`, `seed`, `package_version`, `git_commit`, `code`, `created`, `settings`
- `inputs`: `index`, `saliency`, `cams` (path or null), `labels`, `predictions` (name -> path), all relative to the
  folder of `metrics.json`; `fingerprints` of the same
- `data`: `name`, `label_source`, `class_names` (background first), `ignore_index`, `splits`: per split `images`,
  `masks` (images with a true mask), `classes_per_image`, `class_images` (C,)
- `evaluations`: a list, in the order of the pipeline, of
    - `kind` (`saliency`, `cams`, `labels`, `label_saliency`, `predictions`), `name`, `split`, `stage` that wrote it,
      `images`, `images_with_masks`; of predictions also `model`, `protocol_name`
    - `protocol`: how it was made and judged, one sentence; its parts `scales`, `flip`, `crf`, `rule_255`; `settings`
    - `metrics`: name -> number. saliency, label_saliency: `iou_at_0.06`, `iou_at_0.5`, `best_iou`, `best_threshold`,
      `precision_at_0.5`, `recall_at_0.5`, `f_measure_at_0.5`, `best_f_measure`, `mae`, `empty`, `salient_share`.
      cams (at the best background threshold): `miou`, `threshold`, `precision`, `foreground_precision`,
      `foreground_recall`, `background_iou`, `empty`. labels: `precision`, `coverage`, `miou`, `miou_labelled`,
      `class_precision`, `class_recall`, `foreground_precision`, `foreground_recall`, `foreground_miou`,
      `background_iou`, `empty`, `ignored`, `absent`, `object_share`, `unnamed`. predictions: `miou`,
      `pixel_accuracy`, `mean_accuracy`, `foreground_miou`, `background_iou`, `empty`
    - `classes` (not of saliency): lists over `class_names`: `iou`; of labels and predictions also `precision`,
      `recall`, `truth_share`, `label_share` (of pixels), `images`, `images_named`, `images_missed`
    - `confusion` (labels, predictions; null without masks): (C+2, C+2) pixels, truth down, 255 last
    - `sweep` (cams): per background threshold `threshold`, `miou`, `precision`, `coverage`, `foreground_precision`,
      `foreground_recall`
- `fusion_scan`: null or `points`, and the points `best_miou` and `best_foreground_precision` (among those with a
  coverage of at least 0.7 and a foreground recall of at least 0.5; else null). It sees the masks of `train`, so it is
  an upper bound to compare with; thresholds chosen by it are no longer weakly supervised
- without background, the first of `class_names` is `no background`, whose place in lists is null, and there are no
  `background_iou`, `foreground_miou` and `object_share`
- `definitions`: metric -> its definition; `warnings`: sentences
- `tables`: digest of every table beside it, by name
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from os.path import relpath
from pathlib import Path
from typing import Any

from wsss import __version__
from wsss.checksums import file_digests
from wsss.config import Evaluate
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.errors import InputError
from wsss.evaluation import FORMAT_VERSION
from wsss.evaluation.protocols import definitions
from wsss.evaluation.summary import Record, record, scan_fusion, scan_summary
from wsss.evaluation.tables import DIGITS, write_tables
from wsss.evaluation.tally import CamTally, Key, Measured, Sources, measure
from wsss.evaluation.warnings import warnings_of
from wsss.files import CsvWriter, write_json
from wsss.parallel import map_in_processes
from wsss.pipeline.names import LABEL_STAGES
from wsss.progress import Progress
from wsss.stages.artifact import provenance
from wsss.stages.outputs import TABLES, checks_output
from wsss.store import ArtifactReader

IMAGES_PER_TASK = 8
KINDS = ("saliency", "cams", "labels", "label_saliency", "predictions")
PER_IMAGE = ("image", "split", "kind", "name", "iou", "coverage", "foreground", "change")

logger = logging.getLogger(__name__)


@checks_output
def evaluate(
    settings: Evaluate,
    *,
    index: Path,
    saliency: Path | None = None,
    cams: Path | None = None,
    labels: Mapping[str, Path] | None = None,
    predictions: Mapping[str, Path] | None = None,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Judge saliency, CAMs, label sets and predictions against the true masks, in one pass over the images.

    Args:
        settings: Whether to scan the thresholds.
        index: Artifact of stage `index`.
        saliency: Artifact of stage `saliency`, judged on its split, or on every one.
        cams: Artifact of stage `cams`, judged on `train`.
        labels: Label sets over `train` by name, in the order in which they were made. Each is compared with the one
            before it.
        predictions: Artifacts of stage `predict` by name; each says its own split.
        output: `metrics.json`; the tables are written beside it.

    Raises:
        InputError: If an artifact is missing, damaged, lacks an image or belongs to another index; also if something
            else than an earlier evaluation lies where the results will be.
    """
    dataset = load_dataset(index)
    labels, predictions = dict(labels or {}), dict(predictions or {})
    sources = _open(settings, dataset, saliency, cams, labels, predictions)
    measured = _measure(sources, output, context)
    records = _records(sources, measured)
    # the rule that the scan tries makes background
    scans = settings.sweep and saliency is not None and cams and dataset.background
    points = scan_fusion(_cam_tally(measured)) if scans else []
    # leave out predictions of a split without images: they are empty
    used = {name: path for name, path in predictions.items() if name in sources.predictions}
    inputs = {"index": index, "saliency": saliency, "cams": cams, "labels": labels, "predictions": used}
    content = _header(settings, inputs, output, context)
    content |= {"data": _data(dataset), "evaluations": records, "fusion_scan": scan_summary(points)}
    content |= {
        "definitions": definitions(dataset.class_names),
        "warnings": warnings_of(records, dataset.class_names, own=_own_warnings(sources)),
    }
    for warning in content["warnings"]:
        logger.warning(warning)
    write_tables(output.parent, records, points, dataset.class_names)
    content["tables"] = file_digests(output.with_name(name) for name in TABLES["evaluate"])
    write_json(output, content, digits=DIGITS)


def _open(
    settings: Evaluate,
    dataset: Dataset,
    saliency: Path | None,
    cams: Path | None,
    labels: Mapping[str, Path],
    predictions: Mapping[str, Path],
) -> Sources:
    predicted = {}
    for name, path in predictions.items():
        reader = IndexedArtifact(path, "predict", dataset)
        split = str(reader.attributes.get("split", ""))
        if split in dataset.splits:
            predicted[name] = (split, reader.require("segmentation", dataset.ids(split)))
        elif reader.kinds():
            raise InputError(f"{path}: predicts split `{split}`, the index has {', '.join(dataset.splits)}")
    maps = IndexedArtifact(saliency, "saliency", dataset) if saliency is not None else None
    covered = tuple(split for split in dataset.splits if maps is not None and maps.covers(split))
    if maps is not None:
        maps.require("saliency", dataset.ids(*covered))
    train = dataset.ids(*(["train"] if cams is not None or labels else []))
    return Sources(
        dataset=dataset,
        saliency=maps,
        cams=IndexedArtifact(cams, "cams", dataset).require("cams", train) if cams is not None else None,
        labels={
            name: IndexedArtifact(path, LABEL_STAGES, dataset).require("segmentation", train)
            for name, path in labels.items()
        },
        predictions=predicted,
        saliency_splits=covered,
        sweep=settings.sweep,
    )


def _readers(sources: Sources) -> dict[tuple[str, str], ArtifactReader]:
    """Return the readers by kind and name, in the order of the pipeline."""
    found: dict[tuple[str, str], ArtifactReader] = {}
    if sources.saliency is not None:
        found["saliency", "saliency"] = sources.saliency
    if sources.cams is not None:
        found["cams", "cams"] = sources.cams
    found |= {("labels", name): reader for name, reader in sources.labels.items()}
    found |= {("predictions", name): reader for name, (_, reader) in sources.predictions.items()}
    return found


def _measure(sources: Sources, output: Path, context: RunContext) -> Measured:
    """Count every image that any artifact covers; rows per image are written at once."""
    splits = set(sources.saliency_splits)
    splits |= {split for split, _ in sources.predictions.values()}
    if sources.cams is not None or sources.labels:
        splits.add("train")
    ids = {split: sources.dataset.ids(split) for split in sources.dataset.splits if split in splits}
    total = Measured()
    tasks = (
        (split, list(names[start : start + IMAGES_PER_TASK]))
        for split, names in ids.items()
        for start in range(0, len(names), IMAGES_PER_TASK)
    )
    results = map_in_processes(partial(measure, sources), tasks, workers=context.workers, what="evaluate")
    table = CsvWriter(output.with_name("per_image.csv"), PER_IMAGE, digits=DIGITS)
    with table, Progress("evaluate", sum(map(len, ids.values()))) as progress:
        for measured in results:
            for key, tally in measured.tallies.items():
                total.add(key, tally)
            for row in measured.rows:
                table.write(row)
            progress.advance(measured.images)
    return total


def _records(sources: Sources, measured: Measured) -> list[Record]:
    readers = _readers(sources)
    order = {name: place for place, name in enumerate([*sources.labels, *sources.predictions])}

    def place(key: Key) -> tuple[Any, ...]:
        return KINDS.index(key[0]), order.get(key[1], 0), sources.dataset.splits.index(key[2])

    cams = sources.cams.attributes if sources.cams is not None else None
    return [
        record(key, measured.tallies[key], readers[_artifact_of(key)].attributes, cams)
        for key in sorted(measured.tallies, key=place)
    ]


def _own_warnings(sources: Sources) -> dict[tuple[str, str], str]:
    """Return what artifacts warn of themselves."""
    return {key: str(reader.attributes.get("warning") or "") for key, reader in _readers(sources).items()}


def _artifact_of(key: Key) -> tuple[str, str]:
    kind, name, _ = key
    return ("labels" if kind == "label_saliency" else kind), name


def _cam_tally(measured: Measured) -> CamTally:
    tally = measured.tallies.get(("cams", "cams", "train"))
    return tally if isinstance(tally, CamTally) else CamTally()


def _header(settings: Evaluate, inputs: Mapping[str, Any], output: Path, context: RunContext) -> dict[str, Any]:
    flat: dict[str, Path | None] = {}
    for name, value in inputs.items():
        flat |= {f"{name}/{key}": path for key, path in value.items()} if isinstance(value, dict) else {name: value}
    source = provenance("evaluate", settings, flat, context)

    def relative(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: relative(path) for name, path in value.items()}
        return None if value is None else Path(relpath(Path(value).resolve(), output.parent.resolve())).as_posix()

    return {
        "format_version": FORMAT_VERSION,
        "stage": "evaluate",
        **{name: source[name] for name in ("run", "variant", "seed")},
        "package_version": __version__,
        **{name: source[name] for name in ("git_commit", "code")},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": settings.model_dump(mode="json"),
        "inputs": {name: relative(value) for name, value in inputs.items()} | {"fingerprints": source["inputs"]},
    }


def _data(dataset: Dataset) -> dict[str, Any]:
    splits = {}
    for split in dataset.splits:
        images, class_images = len(dataset.ids(split)), dataset.class_images(split)
        splits[split] = {
            "images": images,
            "masks": len(dataset.masked_ids(split)),
            "classes_per_image": float(class_images.sum() / images) if images else None,
            "class_images": class_images,
        }
    return {
        "name": dataset.name,
        "label_source": dataset.label_source,
        "class_names": list(dataset.class_names),
        "ignore_index": dataset.ignore_index,
        "splits": splits,
    }
