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
KEPT = 3000
"""Characters of a part's output that are kept where it did not come to its end."""


@dataclass(frozen=True)
class Outcome:
    """What came of a part.

    Attributes:
        status: `done`, `failed: REASON`, `cut at N s`, or `not begun: time was up`.
        seconds: How long it took, with the start of its process.
        rows: The figures that it found, also where it did not come to its end.
        output: The end of what it printed, where it did not come to its end.
    """

    status: str
    seconds: float
    rows: list[Row]
    output: str = ""


def run_part(module: str, device: str, small: bool, photos: str | None, limit: float) -> Outcome:
    """Run a part in a process of its own, in a folder that is deleted after it."""
    if limit <= 0:
        return Outcome("not begun: time was up", 0.0, [])
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpu_check_", ignore_cleanup_errors=True) as folder:
        setup = Setup(device, small, photos, folder)
        found, printed = Path(folder, "rows.jsonl"), Path(folder, "output.txt")
        found.touch()
        code = _run(module, setup, found, printed, limit)
        output = printed.read_text(encoding="utf-8", errors="replace").strip()
        rows = [Row(**json.loads(line)) for line in found.read_text(encoding="utf-8").splitlines()]
    taken = time.monotonic() - start
    if code == 0:
        return Outcome(DONE, taken, rows)
    reason = output.splitlines()[-1].strip()[:300] if output else f"exit status {code}"
    status = f"cut at {limit:.0f} s" if code is None else f"failed: {reason}"
    return Outcome(status, taken, rows, output[-KEPT:])


def _run(module: str, setup: Setup, found: Path, printed: Path, limit: float) -> int | None:
    """Return the exit status of a part; None if it ran over its limit."""
    command = [sys.executable, "-m", "benchmarks.gpu.part", module, json.dumps(asdict(setup)), str(found)]
    with printed.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [*command, str(os.getpid())],
            cwd=ROOT,
            env=_environment(setup),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # loaders and stages that the part started are of its group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(setup: Setup) -> dict[str, str]:
    """Return the environment of a part: it and its own processes find the package of this checkout."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # several threads wait for each other longer than tiny sizes take
    threads = {"OMP_NUM_THREADS": "1"} if setup.small else {}
    # unbuffered, so that the reason of a failure is printed last
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", **threads}
