"""Write the tables of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsss.files import write_csv
from wsss.label_values import class_values

CLASS_SCORES = ("iou", "precision", "recall", "truth_share", "label_share", "images")
THRESHOLDS = ("saliency_threshold", "cam_threshold", "background_cam_threshold")
DIGITS = 6
"""Numbers are rounded to this many digits: the seventh digit of a share of pixels says nothing."""
SCAN_SCORES = ("precision", "coverage", "miou", "foreground_precision", "foreground_recall")


def write_tables(
    folder: Path,
    records: Sequence[Mapping[str, Any]],
    points: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
) -> None:
    """Write `summary.csv`, `per_class.csv` and `sweeps.csv`.

    Args:
        records: One per evaluated thing.
        points: One per point of the scan over the thresholds of the seed labels.
    """
    metrics = list(dict.fromkeys(name for item in records for name in item["metrics"]))
    head = ("kind", "name", "split", "images", "images_with_masks", "stage", "model", "protocol_name")
    rows = [{**item, **item["metrics"]} for item in records]
    write_csv(folder / "summary.csv", rows, [*head, *metrics, "protocol"], digits=DIGITS)
    per_class = [
        {**{name: item[name] for name in ("kind", "name", "split")}, "value": value, "class": class_names[value]}
        | {name: values[value] for name, values in item["classes"].items()}
        for item in records
        if "classes" in item
        for value in class_values(class_names)
    ]
    write_csv(
        folder / "per_class.csv", per_class, ["kind", "name", "split", "value", "class", *CLASS_SCORES], digits=DIGITS
    )
    of_cams = [point for item in records for point in item.get("sweep", [])]
    scan = [{"rule": "cams", "cam_threshold": point["threshold"], **point} for point in of_cams]
    scan += [{"rule": "saliency", **point} for point in points]
    write_csv(folder / "sweeps.csv", scan, ["rule", *THRESHOLDS, *SCAN_SCORES], digits=DIGITS)
