"""Writing what was evaluated: JSON and CSV files, each under its final name only when it is whole."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

CLASS_SCORES = ("iou", "precision", "recall", "truth_share", "label_share", "images")
THRESHOLDS = ("saliency_threshold", "cam_threshold", "background_cam_threshold")
SCAN_SCORES = ("precision", "coverage", "miou", "foreground_precision", "foreground_recall")


def plain(value: Any) -> Any:
    """The value in types that JSON knows; NaN becomes None, floats are rounded to six digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value


def write_json(path: Path, content: Any) -> None:
    """Writes JSON; lists of numbers and of short records stay on one line each."""
    _replace(path, _indented(plain(content)) + "\n")


def _indented(value: Any, depth: int = 0) -> str:
    if isinstance(value, dict) and value and (depth < 3 or any(isinstance(v, dict | list) for v in value.values())):
        inner = (f"{json.dumps(key)}: {_indented(item, depth + 1)}" for key, item in value.items())
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        inner = (_indented(item, depth + 1) for item in value)
    else:
        return json.dumps(value, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    space = "  " * (depth + 1)
    return opening + "\n" + ",\n".join(space + line for line in inner) + "\n" + "  " * depth + closing


def write_tables(
    folder: Path,
    records: Sequence[Mapping[str, Any]],
    points: Sequence[Mapping[str, Any]],
    class_names: Sequence[str],
) -> None:
    """Writes `summary.csv`, `per_class.csv` and `sweeps.csv`.

    Args:
        records: One per evaluated thing.
        points: Of the scan over the thresholds of the seed labels.
    """
    metrics = list(dict.fromkeys(name for item in records for name in item["metrics"]))
    head = ("kind", "name", "split", "images", "images_with_masks", "stage", "model", "protocol_name")
    rows = [{**item, **item["metrics"]} for item in records]
    write_csv(folder / "summary.csv", rows, [*head, *metrics, "protocol"])
    per_class = [
        {**{name: item[name] for name in ("kind", "name", "split")}, "value": value, "class": class_names[value]}
        | {name: values[value] for name, values in item["classes"].items()}
        for item in records
        if "classes" in item
        for value in range(len(class_names))
    ]
    write_csv(folder / "per_class.csv", per_class, ["kind", "name", "split", "value", "class", *CLASS_SCORES])
    of_cams = [point for item in records for point in item.get("sweep", [])]
    scan = [{"rule": "cams", "cam_threshold": point["threshold"], **point} for point in of_cams]
    scan += [{"rule": "saliency", **point} for point in points]
    write_csv(folder / "sweeps.csv", scan, ["rule", *THRESHOLDS, *SCAN_SCORES])


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Writes a table; what a row lacks stays empty."""
    with CsvWriter(path, columns) as table:
        for row in rows:
            table.write(row)


class CsvWriter:
    """Writes a table row by row; it gets its final name when the block ends without an error."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path = path
        self._columns = columns
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> CsvWriter:
        self._handle = self._temporary.open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._handle, self._columns, extrasaction="ignore", lineterminator="\n")
        self._writer.writeheader()
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Writes one row."""
        self._writer.writerow({key: "" if value is None else value for key, value in plain(row).items()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.close()
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
