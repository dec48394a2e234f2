"""Run parts one after the other, each in a process of its own with a time limit, and keep what they found."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import ROOT, Setup

DONE = "done"


@dataclass(frozen=True)
class Outcome:
    """What came of a part.

    Attributes:
        status: `done`, `failed: REASON`, `cut at N s`, or `not begun: time was up`.
        seconds: How long it took, with the start of its process.
        rows: The figures that it found, also where it did not come to its end.
    """

    status: str
    seconds: float
    rows: list[Row]


def run_part(module: str, device: str, small: bool, photos: str | None, limit: float) -> Outcome:
    """Run a part in a process of its own, in a folder that is deleted after it."""
    if limit <= 0:
        return Outcome("not begun: time was up", 0.0, [])
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpu_check_", ignore_cleanup_errors=True) as folder:
        setup = Setup(device, small, photos, folder)
        found, errors = Path(folder, "rows.jsonl"), Path(folder, "errors.txt")
        found.touch()
        status = _run(module, setup, found, errors, limit)
        rows = [Row(**json.loads(line)) for line in found.read_text(encoding="utf-8").splitlines()]
    return Outcome(status, time.monotonic() - start, rows)


def _run(module: str, setup: Setup, found: Path, errors: Path, limit: float) -> str:
    command = [sys.executable, "-m", "benchmarks.gpu.part", module, json.dumps(asdict(setup)), str(found)]
    with errors.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [*command, str(os.getpid())],
            cwd=ROOT,
            env=_environment(setup),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"cut at {limit:.0f} s"
        finally:
            # loaders and stages that the part started are of its group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return DONE if code == 0 else f"failed: {_reason(errors, code)}"


def _environment(setup: Setup) -> dict[str, str]:
    """Return the environment of a part: it and its own processes find the package of this checkout."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # several threads wait for each other longer than tiny sizes take
    threads = {"OMP_NUM_THREADS": "1"} if setup.small else {}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **threads}


def _reason(errors: Path, code: int) -> str:
    lines = [line.strip() for line in errors.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line[:300] for line in reversed(lines) if line), f"exit status {code}")
