"""What it costs that nothing damaged or wrong is read: the time in checksums, and in checks of inputs, of whole stages.

    python benchmarks/checksums.py
    python benchmarks/checksums.py --images 32 --size 480 --repeats 3

The stages of the demo run in this process, one after another, on so many training images and a third as many validation
images, with the demo's settings and a few steps of each training. Every call of a checksum or a check is timed, in all
threads. Printed are the seconds of each stage and of its command's start (imports, in a process of its own), the least
of all repeats, and the largest percentages that the calls take: of the work alone, and of work and start. All times are
of the processor, so that other work on the machine counts in neither. Checks are those of inputs against the index;
checksums those of artifacts, checkpoints, JSON files and tables, with the reading of an artifact's list of them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from wsss import checksums
from wsss.config import load_config
from wsss.config.files import read_yaml
from wsss.context import RunContext
from wsss.data import artifacts
from wsss.data.stamps import FileStamps
from wsss.plan import Plan
from wsss.store import layout

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
    *("index", "saliency", "train_classifier", "cams", "seed_labels", "train_auxsegnet", "update_labels"),
    *("train_segmenter", "predict"),
)
SUMS = (
    *(checksums.content_sum, checksums.attributes_sum),
    *(checksums.seal_zip, checksums.zip_is_damaged, checksums.seal_json, checksums.json_is_damaged),
    *(checksums.file_digest, layout.root_sum, layout.checked_sums),
)
CHECKS = (artifacts.check_array, artifacts.check_header)
METHODS = ((FileStamps, "check"), (artifacts.IndexedArtifact, "require"))


class Clock:
    """Adds up the time in functions; what one of them calls counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = threading.local()

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            if getattr(self._inside, "yes", False):
                return function(*arguments, **options)
            self._inside.yes, begin = True, time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.thread_time() - begin
                self._inside.yes = False

        return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32, help="training images")
    parser.add_argument("--size", type=int, default=160, help="longest side of the photographs")
    parser.add_argument("--steps", type=int, default=4, help="of each training")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    # before anything is replaced, for a module may keep a function under a name of its own
    for stage in STAGES:
        import_module(f"wsss.stages.{stage}")
    rounds = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(dict(measured(Path(folder), options)))
    print(
        f"{options.images} images of {options.size} px, {options.steps} steps, {options.repeats} repeats, % of a stage"
    )
    print("| stage | work, s | start, s | checksums, % of work | of both | checks, % of work | of both |")
    print("|---|---|---|---|---|---|---|")
    for stage in STAGES:
        work, start = min(found[stage][0] for found in rounds), min(seconds_of_start(stage) for _ in rounds)
        sums, checks = (max(found[stage][part] / found[stage][0] for found in rounds) for part in (1, 2))
        share = 100 * work / (work + start)
        shares = f"{100 * sums:.2f} | {share * sums:.2f} | {100 * checks:.3f} | {share * checks:.3f}"
        print(f"| {stage} | {work:.2f} | {start:.2f} | {shares} |")


def seconds_of_start(stage: str) -> float:
    """Measure the processor's seconds of a command before its stage begins."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = f"import wsss.cli.app, wsss.stages.{stage}"
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Run each stage; yield its seconds, and those in checksums and in checks."""
    for stage, call in calls(folder, options):
        sums, checks = Clock(), Clock()
        with replaced(SUMS, sums), replaced(CHECKS, checks), ExitStack() as stack:
            for owner, name in METHODS:
                stack.enter_context(mock.patch.object(owner, name, checks.timed(getattr(owner, name))))
            begin = time.process_time()
            call()
            whole = time.process_time() - begin
        yield stage, (whole, sums.seconds, checks.seconds)


@contextmanager
def replaced(functions: tuple[Callable[..., Any], ...], clock: Clock) -> Iterator[None]:
    """Time functions under every name that a module of the package has for them."""
    modules = [module for name, module in sys.modules.items() if name.startswith("wsss")]
    with ExitStack() as stack:
        for function in functions:
            timed = clock.timed(function)
            for module in modules:
                if vars(module).get(function.__name__) is function:
                    stack.enter_context(mock.patch.object(module, function.__name__, timed))
        yield


def calls(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the stages of the demo with their inputs, in the order of the pipeline."""
    values = read_yaml(ROOT / "config.yaml")
    sizes = {"train_images": options.images, "val_images": options.images // 3, "image_size": options.size}
    values["data"] |= {**sizes, "root": str(folder / "photos")}
    for section in values:
        if section.startswith("train_"):
            values[section] |= {"max_steps": options.steps, "epochs": 100}
    plan = Plan(load_config(values))
    context = RunContext(device="cpu", batch_size=16)
    # trainings write tables beside their checkpoint, so each stage has a folder
    made = {name: folder / name / ("model.ckpt" if name.startswith("train_") else "maps.h5") for name in STAGES}
    inputs = {
        "cams": {"classifier": "train_classifier"},
        "seed_labels": {"cams": "cams", "saliency": "saliency"},
        "train_auxsegnet": {"labels": "seed_labels", "weights": "train_classifier"},
        "update_labels": {"model": "train_auxsegnet", "saliency": "saliency"},
        "train_segmenter": {"labels": "seed_labels"},
        "predict": {"model": "train_segmenter"},
    }
    for stage in STAGES:
        given: dict[str, Any] = {name: made[source] for name, source in inputs.get(stage, {}).items()}
        given |= {} if stage == "index" else {"index": made["index"]}
        given |= {"split": "val"} if stage == "predict" else {}
        function = getattr(import_module(f"wsss.stages.{stage}"), stage)
        settings = plan.settings(plan.wanted(stage)[0])
        yield stage, partial(function, settings, **given, output=made[stage], context=context)


if __name__ == "__main__":
    main()
