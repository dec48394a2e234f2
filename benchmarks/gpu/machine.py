"""The machine in words, and times and memory on it."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime

import torch

from benchmarks.gpu.setup import ROOT


def describe(device: str) -> dict[str, str]:
    """Name the machine, the versions, the commit and the day."""
    words = {
        "device": "cpu",
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "commit": _answer(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]) or "unknown",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    if device == "cuda" and torch.cuda.is_available():
        driver = _answer(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
        words |= {
            "device": torch.cuda.get_device_name(),
            "driver": driver or "unknown",
            "cuda": str(torch.version.cuda),
        }
        words |= {"cudnn": str(torch.backends.cudnn.version())}
        tf32 = {"convolutions": torch.backends.cudnn.allow_tf32, "products": torch.backends.cuda.matmul.allow_tf32}
        words |= {"tf32": " and ".join(name for name, allowed in tf32.items() if allowed) or "nowhere"}
    return words


def _answer(command: list[str]) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip().split("\n")[0] if result.returncode == 0 else ""


def seconds(call: Callable[[], object], device: str) -> float:
    """Time a call, with all that a GPU has still to do when it returns."""
    synchronize(device)
    start = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - start


def median_seconds(call: Callable[[], object], device: str, *, repeats: int, warm_up: int = 1) -> float:
    """Time a call several times, after some that do not count, and return the median."""
    for _ in range(warm_up):
        call()
    return statistics.median(seconds(call, device) for _ in range(repeats))


def synchronize(device: str) -> None:
    """Wait until a GPU has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def free_memory(device: str) -> None:
    """Give back what a GPU keeps for later, and count its peak anew."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_mib(device: str) -> float:
    """Return the most memory that tensors took on a GPU, in MiB; not a number on a CPU, which does not count it."""
    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else float("nan")
