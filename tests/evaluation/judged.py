"""Evaluates a tiny run, and reads what comes of it."""

from __future__ import annotations

import csv
import json

from tests.stages.evaluated import Run
from wsss.config import Evaluate
from wsss.context import RunContext
from wsss.stages.evaluate import evaluate


def evaluate_run(run: Run, folder: str = "evaluation", *, workers: int = 0, **changes) -> dict:
    output = run.folder / folder / "metrics.json"
    inputs = {
        "index": run.path("index"),
        "saliency": run.path("saliency"),
        "cams": run.path("cams"),
        "labels": {"eroded": run.path("eroded"), "perfect": run.path("perfect")},
        "predictions": {name: run.path(name) for name in ("segmenter_seeds", "segmenter_masks")},
    }
    context = RunContext(run="tiny", seed=3, workers=workers)
    evaluate(Evaluate(), **(inputs | changes), output=output, context=context)
    return json.loads(output.read_text())


def record(metrics: dict, kind: str, name: str, split: str = "train") -> dict:
    return next(
        item for item in metrics["evaluations"] if (item["kind"], item["name"], item["split"]) == (kind, name, split)
    )


def rows(run: Run, name: str, folder: str = "evaluation") -> list[dict[str, str]]:
    with (run.folder / folder / name).open(newline="") as handle:
        return list(csv.DictReader(handle))
