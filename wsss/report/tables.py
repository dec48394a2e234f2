"""Write the tables of the page in HTML: numbers with their protocols, classes, variants, confusions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from wsss.evaluation.protocols import OF_BACKGROUND
from wsss.label_values import class_values, has_background
from wsss.ops.metrics import ratio
from wsss.report.charts import REFERENCE, TRAIN, VAL, percent
from wsss.report.evaluations import (
    Evaluation,
    Record,
    Spread,
    final_prediction,
    identity,
    is_reference,
    spread,
    title,
)
from wsss.report.figures import class_columns

Columns = Sequence[tuple[str, str]]

SALIENCY: Columns = (
    ("iou_at_0.06", "IoU at 0.06"),
    ("iou_at_0.5", "IoU at 0.5"),
    ("best_iou", "best IoU"),
    ("f_measure_at_0.5", "F at 0.5"),
    ("best_f_measure", "best F"),
    ("mae", "MAE"),
)
CAMS: Columns = (
    ("miou", "mIoU"),
    ("threshold", "threshold"),
    ("precision", "precision"),
    ("foreground_precision", "foreground precision"),
    ("foreground_recall", "foreground recall"),
    ("background_iou", "background IoU"),
)
LABELS: Columns = (
    ("precision", "precision"),
    ("coverage", "coverage"),
    ("miou", "mIoU, 255 a miss"),
    ("miou_labelled", "mIoU, labelled only"),
    ("foreground_precision", "foreground precision"),
    ("foreground_recall", "foreground recall"),
    ("background_iou", "background IoU"),
    ("empty", "no foreground"),
)
PREDICTIONS: Columns = (
    ("miou", "mIoU"),
    ("foreground_miou", "foreground mIoU"),
    ("background_iou", "background IoU"),
    ("pixel_accuracy", "pixel accuracy"),
    ("mean_accuracy", "mean accuracy"),
    ("empty", "no foreground"),
)
SECTIONS: Sequence[tuple[str, tuple[str, ...], Columns]] = (
    ("Predictions", ("predictions",), PREDICTIONS),
    ("Pseudo labels", ("labels",), LABELS),
    ("Class activation maps, at the best background threshold", ("cams",), CAMS),
    ("Saliency against the foreground", ("saliency", "label_saliency"), SALIENCY),
)
MAIN = ("miou", "iou_at_0.5")
PLAIN = ("threshold", "mae")
"""Metrics that are not shares; they are printed as they are."""


def number_tables(evaluations: Sequence[Evaluation]) -> str:
    """Write all numbers of one variant, each row with its protocol; means over seeds if there are several."""
    parts = []
    first = evaluations[0]
    background = has_background(first.content["data"]["class_names"])
    for heading, kinds, columns in SECTIONS:
        rows = [item for item in first.of_kind(*kinds) if not _repeats_saliency(first, item)]
        if rows:
            known = columns if background else [column for column in columns if column[0] not in OF_BACKGROUND]
            body = [_number_row(evaluations, item, known) for item in rows]
            table = numbers_table([label for _, label in known], body)
            words = heading if background else heading.replace("background threshold", "threshold")
            parts.append(f"<h3>{escape(words)}</h3>{table}")
    return "".join(parts)


def numbers_table(labels: Iterable[str], rows: Sequence[str]) -> str:
    """Write a table of rows of numbers, under a head of labels as plain text; empty without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(label)}</th>" for label in labels)
    return f'<table class="numbers"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def variant_row(variants: Mapping[str, Sequence[Evaluation]], variant: str, name: str, cells: Sequence[str]) -> str:
    """Write a row of a table over variants: the name follows the variant's where there are several."""
    of_variant = f"{variant}, {name}" if variant and len(variants) > 1 else name
    return f"<tr><td>{escape(of_variant)}</td>{''.join(cells)}</tr>"


def _number_row(evaluations: Sequence[Evaluation], item: Record, columns: Columns) -> str:
    cells = [number_cell(evaluations, item, metric, label) for metric, label in columns]
    name = f"{title(item)}, {item['split']}"
    row = f"<tr><td>{escape(name)}</td>{''.join(cells)}</tr>"
    return row + f'<tr class="protocol"><td colspan="{len(columns) + 1}">{escape(item["protocol"])}</td></tr>'


def number_cell(evaluations: Sequence[Evaluation], item: Record | None, metric: str, label: str) -> str:
    """Write a metric of one evaluated thing into a cell: mean and deviation over seeds; a dash if it has none."""
    found = spread(evaluations, identity(item), metric) if item is not None else None
    main = ' class="main"' if metric in MAIN else ""
    return f'<td{main} data-label="{escape(label)}">{_number(found, metric)}</td>'


def _number(found: Spread | None, metric: str) -> str:
    if found is None:
        return "–"
    if metric in PLAIN:
        return f"{found.mean:.3f}" if metric == "mae" else f"{found.mean:.2f}"
    spread_text = "" if found.deviation is None else f" <small>± {100 * found.deviation:.1f}</small>"
    return percent(found.mean) + spread_text


def _repeats_saliency(evaluation: Evaluation, item: Record) -> bool:
    """Return whether a label set's saliency is a copy of the saliency artifact."""
    same = [other["metrics"] for other in evaluation.of_kind("saliency") if other["split"] == item["split"]]
    return item["kind"] == "label_saliency" and item["metrics"] in same


def comparison_table(variants: Mapping[str, Sequence[Evaluation]]) -> str:
    """Write one row per variant: labels and predictions, mean and standard deviation over its seeds."""
    columns: dict[tuple[tuple[str, str, str], str], str] = {}
    for evaluations in variants.values():
        first = evaluations[0]
        for item in first.of_kind("labels")[-1:]:
            for metric, label in (("precision", "precision"), ("coverage", "coverage"), ("miou", "mIoU")):
                columns[identity(item), metric] = f"{title(item)}: {label}"
        for item in first.of_kind("predictions"):
            columns[identity(item), "miou"] = f"{title(item)}: mIoU, {item['split']}"
    rows = []
    for name, evaluations in variants.items():
        cells = [
            f'<td data-label="{escape(label)}">{_number(spread(evaluations, of, metric), metric)}</td>'
            for (of, metric), label in columns.items()
        ]
        seeds = f"{len(evaluations)} seed{'s' if len(evaluations) > 1 else ''}"
        rows.append(f"<tr><td>{escape(name or 'run')} <small>{seeds}</small></td>{''.join(cells)}</tr>")
    return numbers_table(columns.values(), rows)


def class_table(evaluation: Evaluation, palette: np.ndarray) -> str:
    """Draw the IoU per class as bars; empty without masks."""
    columns = class_columns(evaluation)
    if not columns:
        return ""
    data = evaluation.content["data"]
    head = "".join(f"<th>{escape(title(item))}, {escape(item['split'])}</th>" for item in columns)
    train = data["splits"].get("train", {}).get("class_images", [])
    rows = []
    for value in class_values(data["class_names"]):
        name = data["class_names"][value]
        images = "" if value == 0 or not train else str(train[value - 1])
        bars = "".join(f"<td>{_bar_cell(item, item['classes']['iou'][value])}</td>" for item in columns)
        rows.append(f"<tr><td>{swatch(palette, value)}{escape(name)}</td><td>{images}</td>{bars}</tr>")
    table = f"<thead><tr><th>class</th><th>train images</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll"><table class="classes">{table}</table></div>'


def _bar_cell(item: Record, value: float | None) -> str:
    tone = REFERENCE if is_reference(item) else TRAIN if item["split"] == "train" else VAL
    width = 0 if value is None else 100 * value
    return f'<div class="bar" style="--value:{width:.1f}%;--tone:{tone}"><i></i><span>{percent(value)}</span></div>'


def swatch(palette: np.ndarray, value: int) -> str:
    """Write a small square in the colour of a class; background looks like a dimmed photograph."""
    if value == 0:
        return '<span class="swatch dimmed"></span>'
    return f'<span class="swatch" style="background:{color(palette, value)}"></span>'


def color(palette: np.ndarray, value: int) -> str:
    """Write the colour of a label value for CSS."""
    red, green, blue = (int(channel) for channel in palette[value])
    return f"#{red:02x}{green:02x}{blue:02x}"


def confusion_table(evaluation: Evaluation, *, count: int = 8) -> str:
    """List the largest confusions of the final prediction, as shares of the true class; empty without masks."""
    item = final_prediction(evaluation)
    if item is None or not item.get("confusion"):
        return ""
    names = evaluation.content["data"]["class_names"]
    matrix = np.asarray(item["confusion"], np.float64)[:-1, :-1]
    shares = ratio(matrix, np.repeat(matrix.sum(axis=1, keepdims=True), matrix.shape[1], axis=1))
    np.fill_diagonal(shares, 0)
    shares = np.nan_to_num(shares)
    rows = []
    for place in np.argsort(-shares, axis=None, kind="stable")[:count]:
        true, given = divmod(int(place), matrix.shape[1])
        if shares[true, given] > 0:
            cells = (
                f"<td>{escape(names[true])}</td><td>{escape(names[given])}</td><td>{percent(shares[true, given])}</td>"
            )
            rows.append(f"<tr>{cells}</tr>")
    head = "<thead><tr><th>true class</th><th>taken for</th><th>% of its pixels</th></tr></thead>"
    return f'<table class="classes confusions">{head}<tbody>{"".join(rows)}</tbody></table>' if rows else ""
