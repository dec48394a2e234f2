"""Print a run's scores with their protocols, and the time of each stage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from wsss.errors import InputError
from wsss.pipeline.paths import files_of
from wsss.pipeline.stages import STAGES
from wsss.progress import format_seconds
from wsss.report.evaluations import Evaluation, Record, by_variant, identity, load_evaluation, spread, title
from wsss.report.form import read_rows, whole_table

MEASURES = {
    "saliency": ("iou_at_0.5", "precision_at_0.5", ""),
    "cams": ("miou", "precision", ""),
    "labels": ("miou", "precision", "coverage"),
    "predictions": ("miou", "", ""),
}
"""The metrics in the columns mIoU, precision and coverage, for each kind of evaluated thing."""


def print_summary(results: Path) -> None:
    """Print the scores of every variant, mean and deviation over seeds, then the times of the stages.

    Args:
        results: Folder of the run.

    Raises:
        InputError: If there is no such folder, or nothing has been evaluated yet.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give the folder of a run, results/RUN")
    paths = files_of(results, "evaluate")
    if not paths:
        raise InputError(f"{results}: nothing is evaluated yet; run `wsss run CONFIG evaluations`")
    console = Console(highlight=False)
    for variant, evaluations in by_variant([load_evaluation(path) for path in paths]).items():
        _print_variant(console, variant, evaluations)
    _print_times(console, results)


def _print_variant(console: Console, variant: str, evaluations: list[Evaluation]) -> None:
    seeds = ", ".join(str(item.seed) for item in evaluations)
    name = f"variant {variant}, " if variant else ""
    heading = f"{evaluations[0].content['run']}: {name}seed{'s' if len(evaluations) > 1 else ''} {seeds}"
    table = _table(heading, ("", "split"), ("mIoU %", "precision %", "coverage %", "note"))
    notes: list[str] = []
    for record in evaluations[0].records:
        if record["kind"] not in MEASURES:
            continue
        if record["protocol"] not in notes:
            notes.append(record["protocol"])
        numbers = [_number(evaluations, record, metric) for metric in MEASURES[record["kind"]]]
        what = "saliency (IoU of foreground, > 0.5)" if record["kind"] == "saliency" else title(record)
        table.add_row(what, record["split"], *numbers, f"{notes.index(record['protocol']) + 1}")
    console.print(table)
    for number, note in enumerate(notes, start=1):
        console.print(f"  {number}: {note}", style="dim", markup=False)
    for warning in dict.fromkeys(text for item in evaluations for text in item.content.get("warnings", [])):
        console.print(f"  warning: {warning}", style="yellow", markup=False)
    console.print()


def _number(evaluations: list[Evaluation], record: Record, metric: str) -> str:
    found = spread(evaluations, identity(record), metric) if metric else None
    if found is None:
        return "" if not metric else "-"
    deviation = f" ± {100 * found.deviation:.1f}" if found.deviation is not None else ""
    return f"{100 * found.mean:.1f}{deviation}"


def _print_times(console: Console, results: Path) -> None:
    folder = results / "benchmarks"
    rows = [(_job(path, folder), *_benchmark(path)) for path in sorted(folder.rglob("*.tsv"), key=_order)]
    if not rows:
        return
    table = _table("time of each stage", ("stage",), ("time", "memory"))
    for name, seconds, megabytes in rows:
        table.add_row(name, format_seconds(seconds), f"{megabytes / 1024:.1f} GB" if megabytes else "-")
    table.add_section()
    table.add_row("all, one after the other", format_seconds(sum(seconds for _, seconds, _ in rows)), "")
    console.print(table)


def _table(heading: str, names: Iterable[str], numbers: Iterable[str]) -> Table:
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _job(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _order(path: Path) -> tuple[str, int, str]:
    """Return the sort key: branch by branch, shared stages first, each in the order of the pipeline."""
    stage = path.name.removesuffix(".tsv").split("-")[0]
    stages = list(STAGES)
    branch = path.parent.as_posix()
    return branch, stages.index(stage) if stage in stages else len(stages), path.name


def _benchmark(path: Path) -> tuple[float, float]:
    """Read the seconds and the largest memory in MB of a job's last run; memory 0 if it was too short to measure."""
    rows = read_rows(path, delimiter="\t")
    if not rows:
        return 0.0, 0.0
    with whole_table(path):
        memory = rows[-1].get("max_rss", "")
        return float(rows[-1]["s"]), float(memory) if memory not in ("", "NA", "-") else 0.0
