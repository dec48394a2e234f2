"""Run the tests that are marked `gpu`; without a GPU, only find them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import ROOT, Setup


def rows(setup: Setup) -> Iterator[Row]:
    """Yield how many tests passed, and those that did not.

    Raises:
        RuntimeError: If no test was found.
    """
    # other files may need packages that are not there
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text("utf-8")]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", "-rfE", *map(str, files)]
    if setup.device == "cpu":
        command.append("--collect-only")
    # pytest cuts its summary to the width of a terminal, reasons first
    wide = {**os.environ, "COLUMNS": "400"}
    result = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    lines = result.stdout.splitlines()
    if setup.device == "cpu":
        yield Row("tests found, not run", sum("::" in line for line in lines), timed=False, least=1)
        return
    total = lines[-1] if lines else ""
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", total)}
    if not counts:
        raise RuntimeError(f"pytest ended with {result.returncode}: {(result.stderr or result.stdout).strip()[-250:]}")
    yield Row("tests passed", counts.pop("passed", 0), timed=False, least=1)
    for word, number in counts.items():
        yield Row(f"tests {word}", number, timed=False, most=0)
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            yield Row(line.split(" - ")[0], line.partition(" - ")[2][:200] or "no reason given")
