"""The page of a study: a table for each method, made of the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of figures.

    Attributes:
        heading: What it says above them.
        keys: Where a line has its figure.
        factor: What it is multiplied with.
        digits: How many are shown after the point.
    """

    heading: str
    keys: tuple[str, str]
    factor: float = 100
    digits: int = 1


@dataclass(frozen=True)
class Table:
    """The table of a method.

    Attributes:
        title: The method.
        text: What one has to know to read it.
        line_heading: Heading of the names of the lines of a variant; empty where it has a single line.
        lines: The lines that a row gives, by name; none where it is not of this method.
        columns: In order.
    """

    title: str
    text: str
    line_heading: str
    lines: Callable[[Row], dict[str, Row]]
    columns: tuple[Column, ...]


AUXSEGNET = Table(
    "AuxSegNet",
    "Labels and saliency labels are those that the round's network is trained on (the seeds in round 0). The segmenter "
    "is a network of its own, trained on the same labels alone.",
    "round",
    lambda row: {str(item["round"]): item for item in row.get("rounds", [])},
    (
        Column("labels: precision", ("labels", "precision")),
        Column("recall", ("labels", "class_recall")),
        Column("coverage", ("labels", "coverage")),
        Column("mIoU", ("labels", "miou")),
        Column("saliency labels: MAE", ("saliency_labels", "mae"), 1, 3),
        Column("best F", ("saliency_labels", "best_f_measure")),
        Column("network: val mIoU", ("network", "miou")),
        Column("segmenter: val mIoU", ("segmenter", "miou")),
        Column("training, min", ("training", "minutes"), 1),
    ),
)
AALR = Table(
    "AA&LR",
    "Masks are those of the last epoch, made on the way and counted over its training crops; reassigned is the share "
    "of their labels that label reassignment changed. Extra CAMs (passes that make CAMs alone: at "
    "other scales, with a delay at scale 1 too) and waiting for masks are parts of a joint step.",
    "",
    lambda row: {"": row["aalr"]} if "aalr" in row else {},
    (
        Column("network: val mIoU", ("network", "miou")),
        Column("labels: precision", ("labels", "precision")),
        Column("recall", ("labels", "class_recall")),
        Column("coverage", ("labels", "coverage")),
        Column("mIoU", ("labels", "miou")),
        Column("masks: precision", ("masks", "mask_precision")),
        Column("coverage", ("masks", "mask_coverage")),
        Column("mIoU", ("masks", "mask_miou")),
        Column("reassigned", ("masks", "reassigned")),
        Column("joint step, s", ("seconds", "joint_step"), 1, 3),
        Column("extra CAMs, s", ("seconds", "extra_cams"), 1, 3),
        Column("waiting for masks, s", ("seconds", "mask_wait"), 1, 3),
        Column("training, min", ("training", "minutes"), 1),
    ),
)


def study_page(study: str, rows: Sequence[Row]) -> str:
    """The page in Markdown.

    Args:
        study: Name of the run.
        rows: The newest of every variant and seed, in the order of the config.
    """
    parts = [
        f"# {study}",
        "Written by `wsss study` from the JSON files beside it, one per variant and seed with commit, settings and "
        "machine; do not edit. Per cent, but MAE, seconds and minutes; ± is the sample standard deviation over seeds. "
        "Labels are judged on train, 255 a miss in recall and mIoU; recall is the mean over classes.",
    ]
    for table in (AUXSEGNET, AALR):
        lines = [line for members in _by_variant(rows) for line in _lines(table, members)]
        if lines:
            parts += [f"## {table.title}", table.text, "\n".join([*_head(table), *lines])]
    commits = sorted({row["git_commit"] for row in rows})
    machines = sorted({f"{row['machine']['processor']}, {row['machine']['cores']} cores" for row in rows})
    parts.append(f"Commits: {', '.join(commits) or 'none yet'}. Machines: {'; '.join(machines) or 'none yet'}.")
    return "\n\n".join(parts) + "\n"


def _by_variant(rows: Sequence[Row]) -> list[list[Row]]:
    names = dict.fromkeys(row["variant"] for row in rows)
    return [[row for row in rows if row["variant"] == name] for name in names]


def _head(table: Table) -> list[str]:
    names = ["variant", "seeds", *([table.line_heading] if table.line_heading else [])]
    head = [*names, *(column.heading for column in table.columns)]
    return ["| " + " | ".join(head) + " |", "|---|" + "---|" * (len(head) - 1)]


def _lines(table: Table, rows: Sequence[Row]) -> Iterator[str]:
    """The lines of one variant, each over those of its seeds that have it."""
    found = [(row, table.lines(row)) for row in rows]
    for name in sorted({name for _, lines in found for name in lines}, key=lambda name: (len(name), name)):
        members = [(row, lines[name]) for row, lines in found if name in lines]
        seeds = ", ".join(str(row["seed"]) for row, _ in members)
        names = [rows[0]["variant"] or "run", seeds, *([name] if table.line_heading else [])]
        cells = [_cell([line for _, line in members], column) for column in table.columns]
        yield "| " + " | ".join([*names, *cells]) + " |"


def _cell(lines: Sequence[Row], column: Column) -> str:
    part, key = column.keys
    values = [line.get(part, {}).get(key) for line in lines]
    known = [column.factor * value for value in values if value is not None]
    if not known:
        return "–"
    spread = f" ± {stdev(known):.{column.digits}f}" if len(known) > 1 else ""
    return f"{mean(known):.{column.digits}f}{spread}"
