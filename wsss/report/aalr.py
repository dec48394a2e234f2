"""AA&LR's part of the report: the labels that its losses learned from, and the reassigned ones, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import mean

from wsss.report.charts import INK, NARROW, REFERENCE, TRAIN, VAL, WIDE, Line, line_chart, picture
from wsss.report.curves import TONES, TrainingCurves, axis_limit, columns_of, epoch_ticks, titled_trainings
from wsss.report.gallery import Gallery
from wsss.report.layout import for_both_widths
from wsss.report.parts import Look, ReportPart, Variants

QUALITY = (
    ("mask_precision", "precision", TRAIN, False),
    ("reassigned_mask_precision", "precision, reassigned", TRAIN, True),
    ("mask_miou_labelled", "mIoU of labelled pixels", VAL, False),
    ("reassigned_mask_miou_labelled", "mIoU, reassigned", VAL, True),
    ("mask_coverage", "coverage", REFERENCE, False),
)
"""Column of `epochs.csv`, its name on the chart, its colour, and whether its line is dashed."""
REASSIGNED = "reassigned"
"""The column for all labels; the columns of the classes are named by this, a space and the class."""
MOST_CLASSES = 5
"""Number of classes that get a line: those that lost most. More lines than colours cannot be told apart."""
SMALLEST_TOP = 0.01
"""The axis of shares reaches at least this, so that tiny changes do not fill the chart."""


def mask_charts(variants: Variants, width: int) -> list[tuple[str, str]]:
    """Draw the chart of every training that counts such masks, with its title; first seed of each variant."""
    charts = []
    for title, training in titled_trainings(variants):
        for words, chart in (
            ("labels that it learned from", quality_chart(training, width)),
            ("labels that were reassigned", reassigned_chart(training, width)),
        ):
            if chart:
                charts.append((f"{title}: {words}", chart))
    return charts


def quality_chart(training: TrainingCurves, width: int) -> str | None:
    """Draw coverage, and precision and mIoU where true masks were counted, before and after reassignment."""
    found = [(label, _points(training, name), color, dashed) for name, label, color, dashed in QUALITY]
    lines = [Line(label, points, color, dashed) for label, points, color, dashed in found if points]
    return _chart(training, lines, width, "labels that it learned from, percent") if lines else None


def reassigned_chart(training: TrainingCurves, width: int) -> str | None:
    """Draw the share of labels that changed: of all, and of the classes that lost most."""
    total = _points(training, REASSIGNED)
    if not total:
        return None
    classes = {
        name: _points(training, name) for name in columns_of(training.epochs) if name.startswith(f"{REASSIGNED} ")
    }
    most = sorted(classes, key=lambda name: -mean([share for _, share in classes[name]] or [0.0]))[:MOST_CLASSES]
    drawn = {"all classes": total} | {name.removeprefix(f"{REASSIGNED} "): classes[name] for name in most}
    top, step = axis_limit(max(SMALLEST_TOP, *(share for points in drawn.values() for _, share in points)))
    lines = [
        Line(name, [(x, share / top) for x, share in points], INK if points is total else tone, points is not total)
        for (name, points), tone in zip(drawn.items(), ("", *TONES), strict=False)
    ]
    ticks = [(place / 5, f"{100 * step * place:g}") for place in range(6)]
    return _chart(training, lines, width, "labels that were reassigned, percent", ticks)


def _chart(
    training: TrainingCurves, lines: Sequence[Line], width: int, words: str, y_ticks: Sequence[tuple[float, str]] = ()
) -> str:
    ticks = epoch_ticks(training.epochs[-1]["epoch"])
    title = f"{training.title}: {words}"
    return line_chart(lines, width=width, title=title, x_label="epoch", ticks=ticks, y_ticks=y_ticks)


def _points(training: TrainingCurves, name: str) -> list[tuple[float, float]]:
    """Return the place on the axis and the value of every epoch that has one."""
    return [(row["epoch"] / training.epochs[-1]["epoch"], row[name]) for row in training.epochs if name in row]


def _section(variants: Variants, gallery: Gallery | None, look: Look) -> str:
    wide, narrow = (mask_charts(variants, width) for width in (WIDE, NARROW))
    if not wide:
        return ""
    lead = (
        "The losses of AA&LR learn from masks of the network's own CAMs, made anew at every step, or from the labels "
        "of a round. A label whose features lie closer to another class of the image goes to that class. Numbers are "
        "in percent, over the crops of each epoch. "
        "Precision and mIoU need measure_masks: the training then reads the true masks, to count and not to learn."
    )
    charts = "".join(
        f"<h3>{escape(name)}</h3>{for_both_widths(chart, small)}"
        for (name, chart), (_, small) in zip(wide, narrow, strict=True)
    )
    return f'<h2>Labels made on the way</h2><p class="lead">{escape(lead)}</p>{charts}'


def _picture(variants: Variants) -> str:
    charts = mask_charts(variants, WIDE)
    nothing = "No training of this run has losses that make or reassign labels."
    note = "counted over the crops of an epoch; precision and mIoU need measure_masks"
    return picture(
        "Labels made on the way",
        [chart for _, chart in charts],
        headings=[name for name, _ in charts],
        note=note if charts else nothing,
    )


PART = ReportPart(anchor="masks", title="Labels made on the way", section=_section, file="masks.svg", picture=_picture)
