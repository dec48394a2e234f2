"""Turn tallies into scores: one record per evaluated thing, warnings, threshold scans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wsss.evaluation.protocols import OF_BACKGROUND, as_mapping, describe
from wsss.evaluation.tally import CamTally, Key, SaliencyTally, SegmentationTally, Tally
from wsss.label_values import has_background
from wsss.ops.metrics import (
    ClassScores,
    class_scores,
    label_scores,
    prediction_scores,
    ratio,
    saliency_scores,
)
from wsss.ops.sweeps import CAM_THRESHOLDS, SALIENCY_THRESHOLDS, SeedSweep

Record = dict[str, Any]

SALIENCY_AT = (0.06, 0.5)
"""Thresholds that saliency is always judged at: the released AuxSegNet's for labels, and the middle."""
CAM_STEP = 5
"""The scan over two or three thresholds takes every fifth CAM threshold of the fine scan."""
BACKGROUND_CAMS = (None, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ENOUGH_COVERAGE, ENOUGH_RECALL = 0.7, 0.5
"""Scores that a point of the scan must reach to compete for the best foreground precision."""


def record(key: Key, tally: Tally, attributes: Mapping[str, Any], cams: Mapping[str, Any] | None) -> Record:
    """Return the scores of one evaluated thing, with their protocol.

    Args:
        attributes: Root attributes of its artifact.
        cams: Root attributes of the CAMs, if there are any.
    """
    kind, name, split = key
    settings = as_mapping(attributes.get("settings"))
    result: Record = {"kind": kind, "name": name, "split": split, "stage": attributes.get("stage", "")}
    if kind == "predictions":
        result |= {"model": attributes.get("model", ""), "protocol_name": attributes.get("protocol", "")}
    result |= {"images": tally.images, "images_with_masks": tally.masked}
    result |= describe(kind, split, tally.masked, tally.images, attributes, cams)
    background = has_background(attributes.get("class_names") or ())
    if isinstance(tally, SegmentationTally):
        result |= _segmentation(kind, tally)
    elif isinstance(tally, SaliencyTally):
        result |= _saliency(tally)
    elif isinstance(tally, CamTally):
        result |= _cams(tally, background=background)
    if not background:
        result["metrics"] = {key: value for key, value in result["metrics"].items() if key not in OF_BACKGROUND}
    return result | {"settings": settings}


def _segmentation(kind: str, tally: SegmentationTally) -> Record:
    matrix = tally.matrix
    scores = prediction_scores(matrix) if kind == "predictions" else label_scores(matrix)
    scores["empty"] = tally.empty / max(tally.images, 1)
    if kind == "labels":
        scores["ignored"] = tally.ignored / max(tally.images, 1)
        scores["absent"] = float(ratio(tally.absent, tally.named))
        pixels = matrix.sum(axis=0)
        scores["object_share"] = float(ratio(pixels[1:-1].sum(), pixels[:-1].sum()))
        scores["unnamed"] = float(ratio(tally.unnamed, pixels[1:-1].sum()))
    per_class = _classes(class_scores(matrix))
    per_class["truth_share"] = ratio(matrix.sum(axis=1)[:-1], matrix[:-1].sum())
    per_class["label_share"] = ratio(matrix.sum(axis=0)[:-1], matrix.sum())
    per_class["images"] = tally.images_of[:-1]
    per_class["images_named"], per_class["images_missed"] = tally.named_of[:-1], tally.missed_of[:-1]
    return {"metrics": scores, "classes": per_class, "confusion": matrix if tally.masked else None}


def _saliency(tally: SaliencyTally) -> Record:
    levels = np.arange(256)
    curve = [saliency_scores(tally.histogram, level / 255) for level in levels[:-1]]
    scores: dict[str, float] = {}
    for threshold in SALIENCY_AT:
        scores[f"iou_at_{threshold}"] = saliency_scores(tally.histogram, threshold)["iou"]
    best = _best(curve, "iou")
    scores["best_iou"] = curve[best]["iou"]
    scores["best_threshold"] = best / 255 if tally.masked else float("nan")
    middle = saliency_scores(tally.histogram, 0.5)
    scores |= {f"{name}_at_0.5": middle[name] for name in ("precision", "recall", "f_measure")}
    scores["best_f_measure"] = curve[_best(curve, "f_measure")]["f_measure"]
    scores["mae"] = float(ratio(tally.error, tally.masked))
    scores["empty"] = tally.empty / max(tally.images, 1)
    salient = tally.histogram[:, levels / 255 > 0.5].sum()
    scores["salient_share"] = float(ratio(salient, tally.histogram.sum()))
    return {"metrics": scores}


def _cams(tally: CamTally, *, background: bool) -> Record:
    empty = {"empty": tally.empty / max(tally.images, 1)}
    if not tally.masked:
        return {"metrics": {"miou": float("nan"), "threshold": float("nan"), **empty}}
    sweep = SeedSweep(tally.tables, tally.truth[:-1], background=background)
    points: list[dict[str, float]] = []
    ious: list[np.ndarray] = []
    for place, threshold in enumerate(CAM_THRESHOLDS):
        point, iou = sweep.scores(None, place, place)
        points.append({"threshold": round(float(threshold), 4), **point})
        ious.append(iou)
    best = _best(points, "miou")
    names = ("miou", "threshold", "precision", "foreground_precision", "foreground_recall")
    scores = {name: points[best][name] for name in names} | {"background_iou": float(ious[best][0])}
    return {"metrics": scores | empty, "classes": {"iou": ious[best]}, "sweep": points}


def scan_fusion(tally: CamTally) -> list[Record]:
    """Score the fusion rule over a grid of its three thresholds, on the training masks.

    The thresholds are those of saliency, CAM and background CAM. Empty without masks.
    """
    if not tally.masked:
        return []
    sweep = SeedSweep(tally.tables, tally.truth[:-1])
    points = []
    for salient, of_saliency in enumerate(SALIENCY_THRESHOLDS):
        for strong in range(CAM_STEP, len(CAM_THRESHOLDS), CAM_STEP):
            for limit in BACKGROUND_CAMS:
                weak = strong if limit is None else int(np.searchsorted(CAM_THRESHOLDS, np.float32(limit)))
                if limit is not None and weak == strong:
                    continue
                thresholds: Record = {
                    "saliency_threshold": round(float(of_saliency), 4),
                    "cam_threshold": round(float(CAM_THRESHOLDS[strong]), 4),
                    "background_cam_threshold": limit,
                }
                points.append(thresholds | sweep.scores(salient, strong, weak)[0])
    return points


def scan_summary(points: list[Record]) -> Record | None:
    """Return the best points of a scan; None for an empty scan."""
    if not points:
        return None
    useful = [p for p in points if p["coverage"] >= ENOUGH_COVERAGE and p["foreground_recall"] >= ENOUGH_RECALL]
    return {
        "points": len(points),
        "best_miou": points[_best(points, "miou")],
        "best_foreground_precision": useful[_best(useful, "foreground_precision")] if useful else None,
    }


def _best(points: list[Any], metric: str) -> int:
    values = np.array([point[metric] for point in points], np.float64)
    return 0 if np.isnan(values).all() else int(np.nanargmax(values))


def _classes(scores: ClassScores) -> dict[str, np.ndarray]:
    return {"iou": scores.iou, "precision": scores.precision, "recall": scores.recall}
