"""Choose the content, order and colours of the charts of a report, from evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from wsss.label_values import class_values
from wsss.report.charts import (
    REFERENCE,
    TRAIN,
    VAL,
    Bar,
    Cell,
    Line,
    bar_chart,
    grouped_bars,
    heat_map,
    line_chart,
    percent,
)
from wsss.report.evaluations import Evaluation, Record, final_prediction, identity, is_reference, spread, title, uses
from wsss.report.form import read_rows, whole_table

OWN, BEST = "●", "+"
"""Marks of this run's thresholds and of the best ones."""
MAPS = (
    ("miou", "mIoU", "#2b62a3"),
    ("coverage", "coverage", "#4f6f52"),
    ("foreground_precision", "foreground precision", "#a8480f"),
)


def pipeline_chart(variants: Mapping[str, Sequence[Evaluation]], width: int) -> str:
    """Draw the mIoU of CAMs, label sets and predictions in the order of the pipeline, variant by variant."""
    groups: list[tuple[str, list[Bar]]] = []
    seen: dict[tuple[str, str, str], list[tuple[str, Record]]] = {}
    for variant, evaluations in variants.items():
        for item in evaluations[0].of_kind("cams", "labels", "predictions"):
            seen.setdefault(identity(item), []).append((variant, item))
    if len(variants) == 1:
        bars = [_bar(variants, *members[0], title(members[0][1])) for members in seen.values()]
        return bar_chart([("", bars)], width=width, title="mIoU through the pipeline")
    for members in seen.values():
        _, first = members[0]
        bars = [_bar(variants, variant, item, variant) for variant, item in members]
        groups.append((f"{title(first)}, {first['split']}", bars))
    return bar_chart(groups, width=width, title="mIoU through the pipeline, by variant")


def _bar(variants: Mapping[str, Sequence[Evaluation]], variant: str, item: Record, label: str) -> Bar:
    found = spread(variants[variant], identity(item), "miou")
    color = REFERENCE if is_reference(item) else TRAIN if item["split"] == "train" else VAL
    note = ""
    if label != variant or not variant:
        note = {"cams": f"best threshold, {item['split']}", "labels": f"255 a miss, {item['split']}"}.get(
            item["kind"], item["split"] + (", fully supervised" if is_reference(item) else "")
        )
    mean, values = (found.mean, found.values) if found else (None, ())
    return Bar(label, mean, color, note, values, hollow=is_reference(item))


def class_chart(evaluation: Evaluation, width: int) -> str:
    """Draw the IoU per class of the last label set and of the final prediction."""
    class_names = evaluation.content["data"]["class_names"]
    columns = class_columns(evaluation)
    shown = [item for item in columns if item["kind"] != "cams" and not is_reference(item)] or columns[:1]
    if not shown:
        return bar_chart([("", [Bar("no true masks", None, VAL)])], width=width, title="IoU per class")
    series = [(f"{title(item)}, {item['split']}", TRAIN if item["split"] == "train" else VAL) for item in shown]
    rows = [
        (class_names[value], [item["classes"]["iou"][value] for item in shown]) for value in class_values(class_names)
    ]
    return grouped_bars(rows, series, width=width, title="IoU per class")


def class_columns(evaluation: Evaluation) -> list[Record]:
    """Return the columns of the table of classes: CAMs, last label set, final prediction, reference."""
    labels = evaluation.of_kind("labels")
    reference = [item for item in evaluation.of_kind("predictions") if is_reference(item)][:1]
    final = final_prediction(evaluation)
    columns = [*evaluation.of_kind("cams"), *labels[-1:], *([final] if final else []), *reference]
    return [item for item in columns if item.get("classes") and any(v is not None for v in item["classes"]["iou"])]


def cam_chart(evaluation: Evaluation, width: int) -> str | None:
    """Draw mIoU, foreground precision and recall over the background threshold of the CAMs; None without masks."""
    found = [item for item in evaluation.of_kind("cams") if item.get("sweep")]
    if not found:
        return None
    points = found[0]["sweep"]
    lines = [
        Line(label, [(point["threshold"], point[metric]) for point in points], color, dashed)
        for metric, label, color, dashed in (
            ("miou", "mIoU", VAL, False),
            ("foreground_precision", "foreground precision", TRAIN, False),
            ("foreground_recall", "foreground recall", TRAIN, True),
        )
    ]
    best = found[0]["metrics"]["threshold"]
    marks = [(best, f"best mIoU at {best:g}")] if best is not None else []
    return line_chart(lines, width=width, title="CAM threshold", x_label="CAM threshold", marks=marks)


def heat_maps(evaluation: Evaluation, width: int) -> tuple[list[str], str]:
    """Draw scores over saliency and CAM threshold at the run's background limit, and say that limit in words.

    Empty without a scan.
    """
    limit, used = _rule_in_use(evaluation)
    path = evaluation.path.with_name("sweeps.csv")
    if not path.is_file() or not evaluation.content.get("fusion_scan"):
        return [], ""
    table = read_rows(path)
    with whole_table(path):
        return _heat_maps(table, limit, used, width)


def _heat_maps(
    table: Sequence[dict[str, str]], limit: str, used: tuple[float, float] | None, width: int
) -> tuple[list[str], str]:
    rows = [row for row in table if row["rule"] == "saliency"]
    rows = [row for row in rows if row["background_cam_threshold"] == limit] or [
        row for row in rows if not row["background_cam_threshold"]
    ]
    draw = partial(heat_map, width=width, x_label="CAM threshold", y_label="saliency threshold")
    charts = []
    for metric, name, color in MAPS:
        best = max(rows, key=lambda row: float(row[metric] or 0))
        cells = [_cell(row, metric, best, used) for row in rows]
        own = next((cell.value for cell in cells if cell.mark == OWN), None)
        note = f"; this run {percent(own)}" if own is not None else ""
        charts.append(draw(cells, title=name, color=color, note=note))
    limit = rows[0]["background_cam_threshold"]
    return charts, f"CAM ≤ {limit}" if limit else "CAM ≤ the CAM threshold (the paper's rule)"


def _cell(row: Mapping[str, str], metric: str, best: Mapping[str, str], used: tuple[float, float] | None) -> Cell:
    x, y = float(row["cam_threshold"]), float(row["saliency_threshold"])
    mark = OWN if used == (x, y) else BEST if row is best else ""
    return Cell(x, y, float(row[metric]) if row[metric] else None, mark)


def _rule_in_use(evaluation: Evaluation) -> tuple[str, tuple[float, float] | None]:
    """Return the background limit and the CAM and saliency thresholds of the run's seed labels."""
    for item in evaluation.of_kind("labels"):
        settings = item.get("settings") or {}
        if uses(item, "cams") and uses(item, "saliency"):
            limit = settings.get("background_cam_threshold")
            # labels made elsewhere may leave open what this program settles
            used = (settings["cam_threshold"], settings["saliency_threshold"])
            return f"{limit:g}" if isinstance(limit, float) else "", used
    return "", None
