"""Print two runs side by side on the terminal: the settings that differ, and the scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wsss.errors import InputError
from wsss.pipeline.paths import files_of, glob_of
from wsss.pipeline.stages import STAGES
from wsss.report.evaluations import Evaluation, identity, load_evaluation, title
from wsss.store import ArtifactReader

METRICS = ("miou", "precision", "coverage", "foreground_miou", "best_iou", "mae")
"""Metrics to compare, where an evaluated thing has them."""
CHECKPOINTS = tuple(glob_of(name) for name, stage in STAGES.items() if stage.network)
"""Paths of networks below the folder of a branch."""


def print_comparison(first: Path, second: Path) -> None:
    """Print how two runs differ, or two branches of runs (`results/RUN/VARIANT/seed0`).

    Raises:
        InputError: If a folder is missing, or the two have nothing in common.
    """
    for folder in (first, second):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; give folders of runs, results/RUN")
    console = Console(highlight=False)
    settings = [_settings(folder) for folder in (first, second)]
    evaluations = [_evaluations(folder) for folder in (first, second)]
    if not (settings[0].keys() & settings[1].keys() or evaluations[0].keys() & evaluations[1].keys()):
        raise InputError(f"{first} and {second} have no artifact of the same name; compare runs or branches alike")
    names = (str(first), str(second))
    _print_settings(console, names, settings[0], settings[1])
    for branch in evaluations[0]:
        if branch in evaluations[1]:
            _print_metrics(console, names, branch, evaluations[0][branch], evaluations[1][branch])
    for name, own, other in zip(names, settings, reversed(settings), strict=True):
        alone = sorted(own.keys() - other.keys())
        if alone:
            console.print(f"only {name} has {', '.join(alone)}", style="dim", markup=False)


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (setting, value, other value) of all settings that differ; nested settings have dotted names."""
    for key in dict.fromkeys((*first, *second)):
        one, other = first.get(key), second.get(key)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            for inner, left, right in differences(one, other):
                yield f"{key}.{inner}", left, right
        else:
            yield key, one, other


def _settings(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the settings of every artifact and checkpoint, by its path below the folder."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*.h5")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            with ArtifactReader(path) as reader:
                value = reader.attributes.get("settings")
            found[path.relative_to(folder).as_posix()] = value if isinstance(value, dict) else {}
    checkpoints = [path for place in CHECKPOINTS for path in sorted(folder.rglob(place))]
    if checkpoints:
        from wsss.training.checkpoint import load_weights

        for path in checkpoints:
            _, info = load_weights(path)
            found[path.relative_to(folder).as_posix()] = json.loads(info.attributes.get("settings") or "{}")
    return found


def _evaluations(folder: Path) -> dict[str, Evaluation]:
    paths = files_of(folder, "evaluate")
    return {path.parent.parent.relative_to(folder).as_posix(): load_evaluation(path) for path in paths}


def _print_settings(
    console: Console, names: tuple[str, str], first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]
) -> None:
    rows = [
        (path, setting, one, other)
        for path in first
        if path in second
        for setting, one, other in differences(first[path], second[path])
    ]
    if not rows:
        console.print("all settings of what both have are the same")
        return
    table = Table(title="settings that differ", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("artifact", "setting", *names):
        table.add_column(escape(heading), overflow="fold")
    before = ""
    for path, setting, one, other in rows:
        cells = (path if path != before else "", setting, _text(one), _text(other))
        table.add_row(*(escape(cell) for cell in cells))
        before = path
    console.print(table)


def _print_metrics(
    console: Console, names: tuple[str, str], branch: str, first: Evaluation, second: Evaluation
) -> None:
    heading = "metrics, %" + (f": {branch}" if branch != "." else "")
    table = Table(title=escape(heading), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", "split", "metric"):
        table.add_column(column, overflow="fold")
    for column in (*names, "difference"):
        table.add_column(escape(column), justify="right", overflow="fold")
    others = {identity(record): record for record in second.records}
    protocols = []
    for record in first.records:
        other = others.get(identity(record))
        if other is None:
            continue
        shown = title(record)
        if record["protocol"] != other["protocol"]:
            protocols.append(f"{shown}: {record['protocol']} | {other['protocol']}")
        for metric in METRICS:
            one, two = record["metrics"].get(metric), other["metrics"].get(metric)
            if one is None and two is None:
                continue
            delta = "" if one is None or two is None else f"{100 * (two - one):+.2f}"
            table.add_row(escape(shown), record["split"], metric, _number(one), _number(two), delta)
            shown = ""
    console.print(table)
    for line in protocols:
        console.print(f"  judged differently: {line}", style="yellow", markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _text(value: Any) -> str:
    return "-" if value is None else json.dumps(value) if isinstance(value, list | dict | bool) else str(value)
