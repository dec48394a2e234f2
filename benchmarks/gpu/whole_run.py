"""A small run of both methods on the demo data set, through the command line, stage by stage.

The plan that the workflow follows says which stages there are, with which settings, inputs and outputs. All commands
run in this process, but for the first, which shows what a process costs to start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.networks import TINY, lite0
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import ROOT, Setup
from wsss.cli.app import app
from wsss.config import load_config
from wsss.config.files import deep_merge, read_yaml
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_weights

TRAININGS = ("train_classifier", "train_auxsegnet", "train_aalr", "train_segmenter")
OUTPUTS = ("evaluate", "report")
"""Stages that write files of other forms."""


def rows(setup: Setup) -> Iterator[Row]:
    """Yield the seconds of each stage, how many artifacts are not there, and the scores."""
    # paths of a plan begin at the working directory
    os.chdir(setup.folder)
    plan = Plan(load_config(_config(setup)))
    artifacts = [item for stage in STAGES for item in plan.wanted(stage)]
    done: list[Artifact] = []
    while waiting := [item for item in artifacts if item not in done]:
        item = next(one for one in waiting if set(_inputs(plan, one)) <= set(done))
        start = time.perf_counter()
        _run(_command(plan, item, setup), own_process=not done)
        words = plan.path(item).removeprefix(f"{plan.root}/") + (", in a process of its own" if not done else "")
        yield Row(words, time.perf_counter() - start, "s")
        done.append(item)
    missing = [plan.path(item) for item in artifacts if not _is_whole(plan, item)]
    yield Row(f"of {len(artifacts)} artifacts, not there or not whole", len(missing), most=0, timed=False)
    yield from _scores(Path(plan.root, "evaluation/metrics.json"))


def _config(setup: Setup) -> dict[str, Any]:
    """Return the settings of the demo with few images, one round and few steps."""
    data = {"root": "demo", "train_images": 96, "val_images": 32, "image_size": 160}
    steps, changes = 40, dict[str, Any](batch_size=8)
    if setup.small:
        data |= {"train_images": 6, "val_images": 3, "image_size": 64}
        steps, changes = 1, {"batch_size": 2, "augmentation": {"crop_size": 64}}
    values: dict[str, Any] = {"run": "check", "data": data, "backbone": TINY if setup.small else lite0()}
    # labels of AA&LR may be background alone after so few steps, which no network is trained on
    values |= {"auxsegnet": {"rounds": 1}, "train_segmenter": {"label_sets": ["auxsegnet"]}}
    for name in TRAININGS:
        values[name] = {**values.get(name, {}), **changes, "max_steps": steps}
    if setup.device == "cuda":
        values = deep_merge(values, {name: {"precision": "bf16-mixed"} for name in TRAININGS})
    return deep_merge(read_yaml(ROOT / "config.yaml"), values)


def _inputs(plan: Plan, item: Artifact) -> Iterator[Artifact]:
    """Yield the artifacts that a stage reads."""
    yield from plan.inputs(item).values()
    if item.stage == "evaluate":
        for kind in ("saliency", "cams", "labels", "predictions"):
            yield from plan.used(kind, item.variant, item.seed).values()
    if item.stage != "index":
        yield from plan.wanted("index")
    if item.stage == "report":
        yield from plan.wanted("evaluate")


def _command(plan: Plan, item: Artifact, setup: Setup) -> list[str]:
    """Write the command of a stage, as the rules of the workflow do."""
    command = [item.stage, "--settings", plan.settings(item).canonical_json(), "--output", plan.path(item)]
    command += ["--device", setup.device, "--workers", str(min(setup.workers, 4)), "--log", f"logs/{item.stage}.log"]
    inputs = {"index": Artifact("index"), **plan.inputs(item)} if item.stage != "index" else {}
    if item.stage == "predict":
        command += [plan.path(inputs.pop("model")), "--split", item.split, "--protocol-name", item.protocol]
    command += [word for name, path in inputs.items() for word in (f"--{name}", plan.path(path))]
    if item.stage == "evaluate":
        for kind in ("saliency", "cams"):
            command += [w for path in plan.used(kind, "", 0).values() for w in (f"--{kind}", plan.path(path))]
        for kind in ("labels", "predictions"):
            used = plan.used(kind, item.variant, item.seed)
            command += [w for name, path in used.items() for w in (f"--{kind}", f"{name}={plan.path(path)}")]
    if item.stage == "report":
        command += [w for path in plan.wanted("evaluate") for w in ("--evaluation", plan.path(path))]
    return command


def _run(command: list[str], *, own_process: bool) -> None:
    if own_process:
        subprocess.run([sys.executable, "-m", "wsss.cli", *command], check=True)
    elif app(command, standalone_mode=False):
        log = Path("logs", f"{command[0]}.log").read_text(encoding="utf-8").strip()
        print(log)
        raise RuntimeError(f"{command[0]}: {log.splitlines()[-1] if log else 'failed without a word'}")


def _is_whole(plan: Plan, item: Artifact) -> bool:
    """Tell whether an artifact can be opened and was written by its stage."""
    path = Path(plan.path(item))
    if not path.is_file():
        return False
    if item.stage in OUTPUTS:
        return path.stat().st_size > 0
    if STAGES[item.stage].network:
        return bool(load_weights(path, item.stage)[0])
    with ArtifactReader(path, item.stage) as reader:
        return item.stage == "index" or any(reader.ids(kind) for kind in reader.kinds())


def _scores(path: Path) -> Iterator[Row]:
    """Yield the mean IoU of labels and predictions; after so few steps it says only that all of it ran."""
    for record in json.loads(path.read_text(encoding="utf-8"))["evaluations"]:
        if record["kind"] in ("labels", "predictions"):
            miou = record["metrics"]["miou"]
            yield Row(f"mIoU of {record['kind']} {record['name']}", "none" if miou is None else 100 * miou, "%")
