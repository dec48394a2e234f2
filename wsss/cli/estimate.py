"""Print how long a run will take here, and the memory and disk that it needs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsss.config import load_config
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.estimate.counts import Counts, Said, count
from wsss.estimate.measure import TIME_IS_UP
from wsss.estimate.run import RunEstimate, estimate_run
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan
from wsss.progress import format_seconds

GB, MB = 1e9, 1e6
WIDTH = 120
"""Columns of the table where it goes into a file."""
BUSY = 0.7
"""Share of its time that a job computes where nothing else does."""


def print_estimate(configs: Sequence[Path], said: Said, *, cores: int, limit: float, as_json: bool) -> None:
    """Measure, and print a table or JSON.

    Args:
        configs: Config files; later ones lie over earlier ones.
        said: What the user says of data that is not there.
        cores: Threads to measure with; 0: all that this process may use.
        limit: Seconds that measuring may take.
        as_json: Print JSON.

    Raises:
        InputError: If the config is wrong, or neither data nor `said` tells how many images there are.
    """
    plan = Plan(load_config(configs[0], *configs[1:]))
    try:
        counts = count(plan.config.data, Path(plan.path(Artifact("index"))), said)
    except InputError as error:
        raise InputError(f"{error}; or say how many images there will be: --images N --val N") from None
    context = _context(plan, cores or len(os.sched_getaffinity(0)))
    gpu = _gpu(context)
    found = estimate_run(plan, counts, context, device="cuda" if gpu else "cpu", limit=limit)
    if as_json:
        print(json.dumps(_as_json(found, counts, context, gpu), indent=2))
    else:
        _print(found, counts, context, gpu)


def _context(plan: Plan, cores: int) -> RunContext:
    """Return the context of a job that has all of the threads; what is no job's, such as shards, is left out."""
    runtime = plan.config.runtime
    known = {field.name for field in fields(RunContext)}
    values: Mapping[str, Any] = {name: value for name, value in runtime.model_dump().items() if name in known}
    own = {
        "run": plan.run,
        "threads": cores,
        "devices": 1,
        "nodes": 1,
        "workers": min(runtime.workers, cores),
        "loggers": (),
    }
    return RunContext(**{**values, **own})


def _gpu(context: RunContext) -> str:
    """Return the name of the GPU that jobs would use, empty without one.

    A process of its own is asked, for one that has asked cannot be copied any more.

    Raises:
        InputError: If the device is a GPU that is not there.
    """
    if context.device == "cpu":
        return ""
    import subprocess
    import sys

    number = context.device.partition(":")[2] or "0"
    asked = [sys.executable, "-c", f"import torch; print(torch.cuda.get_device_name({number}))"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    name = "" if answer.returncode else answer.stdout.strip().rpartition("\n")[2]
    if context.device != "auto" and not name:
        raise InputError(f"runtime.device is `{context.device}`, but this machine has no GPU; use `auto`")
    return name


def _as_json(found: RunEstimate, counts: Counts, context: RunContext, gpu: str) -> dict[str, Any]:
    return {
        "machine": {"processor": _processor(), "threads": context.threads, "gpu": gpu or None},
        "data": {
            **{"train": counts.train, "val": counts.val, "classes": counts.classes},
            **{"height": counts.size[0], "width": counts.size[1], "origin": counts.origin},
        },
        "measured_seconds": round(found.measured_seconds, 1),
        "jobs": [asdict(row) for row in found.rows],
        "total": _total(found),
    }


def _total(found: RunEstimate) -> dict[str, Any]:
    rows = found.rows
    return {
        "seconds": sum(row.count * (row.seconds or 0.0) for row in rows),
        "processor": sum(row.count * (row.processor or 0.0) for row in rows),
        "memory": max((row.memory for row in rows), default=0),
        "gpu_memory": max((row.gpu_memory for row in rows), default=0),
        "disk": sum(row.count * row.disk for row in rows),
        "not_measured": [row.name for row in rows if row.seconds is None],
        "working_disk": max((row.working_disk for row in rows), default=0),
    }


def _print(found: RunEstimate, counts: Counts, context: RunContext, gpu: str) -> None:
    device = "cuda" if gpu else "cpu"
    console = Console(highlight=False)
    if not console.is_terminal and console.width < WIDTH:
        console.width = WIDTH
    height, width = counts.size
    where = f"{context.threads} threads of {_processor()}" + (f", and {gpu}" if gpu else ", no GPU")
    console.print(
        f"{counts.train} training and {counts.val} validation images of {height} x {width} px, "
        f"{counts.classes} classes ({counts.origin})",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"{where}; measured in {found.measured_seconds:.0f} s", markup=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("job", overflow="fold", min_width=12)
    middle = ("memory", "GPU memory") if device == "cuda" else ("processor", "memory")
    for name in ("jobs", "each", "all", *middle, "disk"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("how")
    for row in found.rows:
        if row.seconds is None:
            table.add_row(row.name, str(row.count), *["-"] * (len(table.columns) - 3), row.how)
            continue
        times = (long_time(row.seconds), long_time(row.count * row.seconds))
        middle = _middle(asdict(row) | {"processor": row.count * (row.processor or 0.0)}, device)
        table.add_row(row.name, str(row.count), *times, *middle, _size(row.count * row.disk), row.how)
    table.add_section()
    total = _total(found)
    jobs, times = str(sum(row.count for row in found.rows)), ("", long_time(total["seconds"]))
    table.add_row("one after the other", jobs, *times, *_middle(total, device), _size(total["disk"]), "")
    console.print(table)
    for line in _remarks(found, total, context, device):
        console.print(line, markup=False, soft_wrap=True)


def _middle(numbers: Mapping[str, Any], device: str) -> tuple[str, str]:
    """Return what stands between times and disk: what is scarce on a GPU, and on a processor."""
    if device == "cuda":
        return _size(numbers["memory"]), _size(numbers["gpu_memory"])
    return long_time(numbers["processor"]), _size(numbers["memory"])


def _remarks(found: RunEstimate, total: Mapping[str, Any], context: RunContext, device: str) -> Iterator[str]:
    """Yield what must be known of the numbers."""
    scaled = [row for row in found.rows if row.how.startswith("scaled")]
    if scaled:
        yield (
            f"{len(scaled)} of {len(found.rows)} kinds of jobs are scaled: they were tried on fewer pixels at a time "
            "than the run has. A large factor from one sample tells a time that is several times too long; give more "
            "--seconds."
        )
    if device == "cpu" and total["processor"] < BUSY * total["seconds"]:
        yield (
            "This machine is busy: the jobs had its processor for "
            f"{total['processor'] / total['seconds']:.0%} of their time. "
            + (
                "Several threads then wait for each other by computing, so that the processor's time is several times "
                "too long too: measure with --cores 1."
                if context.threads > 1
                else f"Alone, one thread takes {long_time(total['processor'])}."
            )
        )
    if total["working_disk"]:
        yield f"While a network is trained, its state takes up to {_size(total['working_disk'])} more."
    if total["not_measured"]:
        late = any(row.seconds is None and row.how.startswith(TIME_IS_UP) for row in found.rows)
        yield f"The sum lacks {len(total['not_measured'])} jobs" + (
            ": give more time (--seconds 600)." if late else "."
        )


def long_time(seconds: float) -> str:
    """Write seconds for people, also those of many days."""
    return format_seconds(seconds) if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"


def _size(count: float) -> str:
    return f"{count / GB:.1f} GB" if count >= GB / 10 else f"{count / MB:.1f} MB"


def _processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names and names[0] not in ("", "unknown") else platform.processor() or platform.machine()
