"""Whole stages of two checkouts in turn, on the demo's data and settings: images per second, and their ratios.

    git worktree add ../before COMMIT
    python benchmarks/throughput.py --before ../before --images 48 --steps 12 --rounds 2

Each stage is the command that a rule runs, with its start, on a data set of so many training images and a third as many
validation images; trainings take so many steps. Settings are those of each checkout's own config.yaml, with as many
epochs for both. The checkouts take turns, so a machine that is busy with other work slows both. Images per second are
of the fastest round, with the start of the command; ratios are the medians of the rounds' own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
Times = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--images", type=int, default=48, help="training images")
    parser.add_argument("--steps", type=int, default=12, help="of each training")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    found: dict[str, Times] = {"before": {}, "after": {}}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for name, checkout in (("before", options.before.resolve()), ("after", ROOT)):
                for stage, seconds in chain(checkout, Path(folder) / f"{name}{number}", options):
                    found[name].setdefault(stage, []).append(seconds)
                    print(f"{name:7} {stage:20} {seconds:7.1f} s", file=sys.stderr, flush=True)
    report(found, options)


def chain(checkout: Path, folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """Run the stages of the demo by the commands of a checkout; yield the seconds of each."""
    folder.mkdir(parents=True)
    sections = settings(checkout, options)
    index = f"--index {folder}/index.h5"
    calls = {
        "index": "--output index.h5",
        "saliency": f"{index} --output saliency.h5",
        "train_classifier": f"{index} --output classifier/model.ckpt",
        "cams": f"{index} --classifier classifier/model.ckpt --output cams.h5",
        "seed_labels": f"{index} --cams cams.h5 --saliency saliency.h5 --output labels.h5",
        "train_segmenter": f"{index} --labels labels.h5 --output segmenter/model.ckpt",
        "predict": f"segmenter/model.ckpt {index} --split val --output predictions.h5",
        "train_auxsegnet": f"{index} --labels labels.h5 --weights classifier/model.ckpt --output auxsegnet/model.ckpt",
        "update_labels": f"{index} --model auxsegnet/model.ckpt --saliency saliency.h5 --output updated.h5",
        "train_aalr": f"{index} --classifier classifier/model.ckpt --output aalr/model.ckpt",
        "aalr_labels": f"{index} --model aalr/model.ckpt --output aalr_labels.h5",
    }
    if sections["train_aalr"].get("mask_source") == "cams":
        calls["train_aalr"] += " --cams cams.h5"
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    machine = f"--device cpu --workers {options.workers} --threads {options.threads} --batch-size 16"
    for stage, arguments in calls.items():
        command = [sys.executable, "-m", "wsss.cli", stage, "--settings", json.dumps(sections[stage])]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, *machine.split(), *arguments.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{checkout}: {stage}: {done.stderr.strip().splitlines()[-1]}")
        yield stage, time.perf_counter() - start


def settings(checkout: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the settings of each stage: the demo's in a checkout, with fewer images and steps."""
    config = yaml.safe_load((checkout / "config.yaml").read_text(encoding="utf-8"))
    trainings = {name: config[name] for name in config if name.startswith("train_")}
    for training in trainings.values():
        training.pop("label_sets", None)
        training |= {"backbone": config["backbone"], "max_steps": options.steps}
    data = {**config["data"], "root": "photos", "train_images": options.images, "val_images": options.images // 3}
    return {
        **{name: config.get(name, {}) for name in ("saliency", "cams", "seed_labels", "update_labels", "aalr_labels")},
        **trainings,
        "index": data,
        "predict": config["predict"]["protocols"]["single"],
    }


def report(found: dict[str, Times], options: argparse.Namespace) -> None:
    """Print a row for each stage, and one for all."""
    print(
        f"{options.images} training images, {options.steps} steps, {options.rounds} rounds, {options.threads} threads;"
    )
    print(f"{platform.machine()}, Python {platform.python_version()}\n")
    print(f"| {'stage':18} | before, images/s | after, images/s | times as fast |\n|---|---|---|---|")
    counts = images(options)
    for stage, before in found["before"].items():
        after, count = found["after"][stage], counts[stage]
        ratio = statistics.median(a / b for a, b in zip(before, after, strict=True))
        print(f"| {stage:18} | {count / min(before):16.2f} | {count / min(after):15.2f} | {ratio:13.2f} |")
    both = [[sum(rows) for rows in zip(*times.values(), strict=True)] for times in found.values()]
    print(f"\nall stages: {statistics.median(a / b for a, b in zip(*both, strict=True)):.2f} times as fast")


def images(options: argparse.Namespace) -> dict[str, int]:
    """Count the images that each stage is given, in all steps of a training."""
    sections, val = settings(ROOT, options), options.images // 3
    counts = {
        stage: options.steps * values["batch_size"] for stage, values in sections.items() if stage.startswith("train_")
    }
    return {**dict.fromkeys(sections, options.images), **counts, "index": options.images + val, "predict": val}


if __name__ == "__main__":
    main()
