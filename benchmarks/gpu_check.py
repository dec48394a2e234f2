"""Check the package on a GPU in one command: tests, equal answers, speed and memory beside what they must be.

    python benchmarks/gpu_check.py --json check.json --photos data/VOCdevkit/VOC2012/JPEGImages    # 6 minutes at most
    python benchmarks/gpu_check.py --parts crf,steps
    python benchmarks/gpu_check.py --device cpu --small    # whether it runs, in some minutes; no time is judged

Needs no network, no Snakemake and no pydensecrf. Without `--photos`, photographs of VOC's sizes are made up. Each part
runs in a process of its own with a time limit, so one that fails or takes too long leaves the others alone; the JSON
file is written anew after each. Exit status 1: something is not what it must be, or a part did not come to its end.

Times are taken after a warm-up, with the GPU waited for before and after, and are medians.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

if __name__ == "__main__":
    # as a script, Python looks for modules beside this file alone
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.gpu.machine import describe
from benchmarks.gpu.processes import DONE, Outcome, run_part
from benchmarks.gpu.rows import MISSED, table
from wsss.files import write_json

PARTS = {
    "tests": ("benchmarks.gpu.marked_tests", 120),
    "crf": ("benchmarks.gpu.crf", 60),
    "steps": ("benchmarks.gpu.steps", 125),
    "validation": ("benchmarks.gpu.validation", 50),
    "run": ("benchmarks.gpu.whole_run", 90),
    "inference": ("benchmarks.gpu.inference", 150),
}
"""Name -> module, and seconds after which it is cut. The last one yields what takes longest last."""
TOTAL = {"cuda": 345.0, "cpu": 1500.0}
"""Seconds in all."""
SLOW_DEVICE = 4
"""Factor on the limits of parts on a CPU."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that are asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--photos", type=Path, help="folder of JPEG photographs")
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--limit", type=float, help="seconds in all; by default 345 on a GPU")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.parts.split(",")) - set(PARTS)):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no GPU here; `--device cpu --small` shows whether the check runs")
    # a check that is stopped ends the part that runs
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return check({name: PARTS[name] for name in options.parts.split(",")}, options)


def check(parts: dict[str, tuple[str, float]], options: argparse.Namespace) -> int:
    """Run parts, print what they found, and keep it in the JSON file after each.

    Args:
        parts: Name -> module, and seconds after which it is cut on a GPU.
        options: Of the command.

    Returns:
        1 if something is not what it must be, else 0.
    """
    header = describe(options.device)
    print("; ".join(f"{name} {value}" for name, value in header.items()), flush=True)
    end = time.monotonic() + (options.limit or TOTAL[options.device])
    photos = None if options.photos is None else str(options.photos.resolve())
    outcomes: dict[str, Outcome] = {}
    for name, (module, limit) in parts.items():
        own = limit if options.device == "cuda" else SLOW_DEVICE * limit
        left = min(own, end - time.monotonic())
        outcomes[name] = run_part(module, options.device, options.small, photos, left)
        print(f"\n{name}: {outcomes[name].status} ({outcomes[name].seconds:.0f} s)", flush=True)
        print("\n".join(table(outcomes[name].rows, options.device)), flush=True)
        content = summary(header, outcomes, list(parts), options.device)
        if options.json is not None:
            write_json(options.json, content)
    if content["missed"]:
        print("\nnot as it must be:", *content["missed"], sep="\n  ")
    return int(bool(content["missed"]))


def summary(header: dict[str, str], outcomes: dict[str, Outcome], parts: list[str], device: str) -> dict[str, Any]:
    """Gather what the JSON file holds; `complete` says whether all parts had their turn."""
    missed = []
    for name, outcome in outcomes.items():
        missed += [f"{name}: {outcome.status}"] if outcome.status != DONE else []
        missed += [f"{name}: {row.what}" for row in outcome.rows if row.verdict(device) == MISSED]
    found = {
        name: {
            "status": outcome.status,
            "seconds": round(outcome.seconds, 1),
            "rows": [row.as_dict(device) for row in outcome.rows],
            "output": outcome.output,
        }
        for name, outcome in outcomes.items()
    }
    return {"header": header, "complete": list(outcomes) == parts, "missed": missed, "parts": found}


if __name__ == "__main__":
    sys.exit(main())
