"""Write the page of a study: a table for each method, from the rows alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean, stdev

from wsss.cli.study.methods import method_modules
from wsss.cli.study.table import FigureColumn, Row, Table

SIGN = "Written by `wsss study`"
"""Begins the text of every page, which is known by it."""


def study_page(study: str, rows: Sequence[Row]) -> str:
    """Write the page in Markdown.

    Args:
        study: Name of the run.
        rows: The newest row of every variant and seed, in the order of the config.
    """
    parts = [
        f"# {study}",
        f"{SIGN} from the JSON files beside it, one per variant and seed with commit, settings and "
        "machine; do not edit. Per cent, but MAE, seconds and minutes; ± is the sample standard deviation over seeds. "
        "Labels are judged on train, 255 a miss in recall and mIoU; recall is the mean over classes.",
    ]
    for table in (module.TABLE for module in method_modules().values()):
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
    """Write the lines of one variant, each over the seeds that have it."""
    found = [(row, table.lines(row)) for row in rows]
    for name in sorted({name for _, lines in found for name in lines}, key=lambda name: (len(name), name)):
        members = [(row, lines[name]) for row, lines in found if name in lines]
        seeds = ", ".join(str(row["seed"]) for row, _ in members)
        names = [rows[0]["variant"] or "run", seeds, *([name] if table.line_heading else [])]
        cells = [_cell([line for _, line in members], column) for column in table.columns]
        yield "| " + " | ".join([*names, *cells]) + " |"


def _cell(lines: Sequence[Row], column: FigureColumn) -> str:
    part, key = column.keys
    values = [line.get(part, {}).get(key) for line in lines]
    known = [column.factor * value for value in values if value is not None]
    if not known:
        return "–"
    spread = f" ± {stdev(known):.{column.digits}f}" if len(known) > 1 else ""
    return f"{mean(known):.{column.digits}f}{spread}"
