"""Whether time and memory of a stage follow the number of images, and nothing else grows.

    python -m benchmarks.growth --images 100 1000 10000
    python -m benchmarks.growth --images 100 1000 10000 82081 --stages opening dry_run

Made-up photographs of 48 x 64 pixels (20 files under many names) go through every stage that runs no network: index,
the artifacts of saliency and CAMs, seed labels, refined labels, evaluation, report, the page, and `snakemake -n` of a
config with 5 variants and 3 seeds. Each runs in a process of its own. Printed per stage: milliseconds of the processor
for each image, without imports; the memory at its highest; and both in relation to the second size. Flat means: time
within 20 %, memory within 10 %. `opening` needs no photographs: it writes an index and an artifact of maps of one
pixel, and measures milliseconds of the processor to open the index, to open the artifact, to hold it against the index,
and to read an image. The page is asked for what it shows first: the stages and the list of images.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.growth_data import PICTURES, SIZE, data, make_tree, write_index

CAM_SIZE = (6, 8)
Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1000, 10_000, 82_081])
    parser.add_argument("--folder", type=Path, help="where trees and results go; none: a temporary folder")
    parser.add_argument("--stages", nargs="*", choices=[*STAGES], default=[*STAGES])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found: dict[str, dict[int, Row]] = {name: {} for name in options.stages}
        for count in options.images:
            (folder / f"{count}").mkdir(parents=True, exist_ok=True)
            if {*options.stages} - {"opening"}:
                make_tree(folder / f"{count}", count)
            for name in options.stages:
                found[name][count] = apart(name, folder / f"{count}")
                print(json.dumps({"stage": name, "images": count, **found[name][count]}), flush=True)
        print(table(found, options.images))


def apart(name: str, root: Path) -> Row:
    """Run a stage in a process of its own; return seconds of the processor and of the clock, and MB of memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured, name, root).result()


def measured(name: str, root: Path) -> Row:
    """Run a stage in this process, and measure it."""
    stage = STAGES[name]
    # importing is no part of it
    stage(root, True)
    before, clock = spent(), time.monotonic()
    extra = stage(root, False) or {}
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1000
    return {"seconds": spent() - before, "clock": time.monotonic() - clock, "mb": peak, **extra}


def spent() -> float:
    """Return the seconds of the processor that this process and its children have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def table(found: dict[str, dict[int, Row]], counts: list[int]) -> str:
    """Return the numbers in Markdown; ratios are against the second size, or the only one."""
    base = counts[min(1, len(counts) - 1)]
    head = ["stage", *(f"{count:,}: ms an image, MB" for count in counts), "time: last to second", "memory"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, rows in found.items():
        each = {count: 1000 * row["seconds"] / count for count, row in rows.items()}
        cells = [f"{each[count]:.2f}, {rows[count]['mb']:.0f}" for count in counts]
        last = counts[-1]
        ratios = [f"{each[last] / each[base]:.2f}", f"{rows[last]['mb'] / rows[base]['mb']:.2f}"]
        lines.append("| " + " | ".join([name, *cells, *ratios]) + " |")
    return "\n".join(lines)


def index(root: Path, only_import: bool) -> None:
    from wsss.config import FolderData
    from wsss.stages.index import index as stage

    if not only_import:
        stage(FolderData.parse(data(root)), output=root / "index.h5")


def opening(root: Path, only_import: bool) -> Row | None:
    """Write an index and an artifact of as many images as the folder says, and open them."""
    from wsss.data import load_dataset
    from wsss.data.artifacts import IndexedArtifact
    from wsss.store import ArtifactWriter

    if only_import:
        return None
    count, folder = int(root.name), root / "opening"
    ids = [f"train2014/COCO_train2014_{number:012d}" for number in range(count)]
    write_index(folder / "index.h5", ids)
    with ArtifactWriter(folder / "saliency.h5", stage="saliency") as artifact:
        for image_id in ids:
            artifact.write("saliency", image_id, np.zeros((1, 1), np.uint8))
    begin = time.process_time()
    dataset = load_dataset(folder / "index.h5")
    index_opened = time.process_time()
    reader = IndexedArtifact(folder / "saliency.h5", "saliency", dataset)
    reader.kinds()
    opened = time.process_time()
    reader.require("saliency", dataset.ids("train"))
    held = time.process_time()
    reader.read("saliency", ids[0])
    some = ids[:: max(1, count // 100)][:100]
    start = time.process_time()
    for image_id in some:
        reader.read("saliency", image_id)
    each = (time.process_time() - start) / len(some)
    times = {"index_ms": index_opened - begin, "open_ms": opened - index_opened, "hold_ms": held - opened}
    return {name: 1000 * seconds for name, seconds in {**times, "read_ms": each}.items()}


def artifacts(root: Path, only_import: bool) -> None:
    """Write saliency and CAMs."""
    from wsss.data import load_dataset
    from wsss.store import ArtifactWriter

    if only_import:
        return
    dataset, random = load_dataset(root / "index.h5"), np.random.default_rng(0)
    about = {"class_names": list(dataset.class_names), "settings": "{}", "split": "train"}
    maps = [random.integers(0, 256, SIZE).astype(np.uint8) for _ in range(PICTURES)]
    planes = [random.random((3, *CAM_SIZE)).astype(np.float16) for _ in range(PICTURES)]
    ids = dataset.ids("train")
    with (
        ArtifactWriter(root / "saliency.h5", stage="saliency", attributes=about) as saliency,
        ArtifactWriter(root / "cams.h5", stage="cams", attributes=about) as cams,
    ):
        for number, image_id in enumerate(ids):
            saliency.write("saliency", image_id, maps[number % PICTURES])
            present = dataset.image_labels(image_id).nonzero()[0]
            own = planes[number % PICTURES][: len(present)]
            cams.write("cams", image_id, own, classes=present.astype(np.uint8) + 1)


def seed_labels(root: Path, only_import: bool) -> None:
    from wsss.config import SeedLabels
    from wsss.stages.seed_labels import seed_labels as stage

    if not only_import:
        rule = SeedLabels(cam_threshold=0.2, saliency_threshold=0.5, background_cam_threshold=1.0)
        inputs = {name: root / f"{name}.h5" for name in ("index", "cams", "saliency")}
        stage(rule, **inputs, output=root / "seeds.h5")


def refine_labels(root: Path, only_import: bool) -> None:
    from wsss.config.refine_labels import RefineLabels
    from wsss.stages.refine_labels import refine_labels as stage

    if not only_import:
        settings = RefineLabels.parse({"crf": {"iterations": 1}})
        stage(settings, index=root / "index.h5", labels=root / "seeds.h5", output=root / "refined.h5")


def evaluate(root: Path, only_import: bool) -> None:
    from wsss.config import Evaluate
    from wsss.stages.evaluate import evaluate as stage

    if not only_import:
        labels = {"seeds": root / "seeds.h5", "seeds_refined": root / "refined.h5"}
        stage(
            Evaluate(),
            index=root / "index.h5",
            saliency=root / "saliency.h5",
            cams=root / "cams.h5",
            labels=labels,
            output=root / "evaluation/metrics.json",
        )


def report(root: Path, only_import: bool) -> None:
    from wsss.config import Report
    from wsss.stages.report import report as stage

    if not only_import:
        metrics = root / "evaluation/metrics.json"
        stage(Report(), index=root / "index.h5", evaluations=[metrics], output=root / "report.html")


def viewer(root: Path, only_import: bool) -> Row | None:
    """Ask the page for what it shows first."""
    from fastapi.testclient import TestClient

    from wsss.viewer.app import make_app

    if only_import:
        return None
    run = root / "results/growth"
    run.mkdir(parents=True, exist_ok=True)
    for name in ("index.h5", "saliency.h5"):
        (run / name).unlink(missing_ok=True)
        (run / name).hardlink_to(root / name)
    times = {}
    with TestClient(make_app([run]), base_url="http://localhost") as client:
        for name, path in PAGES.items():
            start = time.monotonic()
            client.get(path).raise_for_status()
            times[f"{name}_ms"] = 1000 * (time.monotonic() - start)
    return times


def dry_run(root: Path, only_import: bool) -> Row | None:
    """List the jobs twice: the second time, what can be remembered is."""
    if only_import:
        return None
    times = []
    for _ in range(2):
        start = spent()
        command = [sys.executable, "-m", "wsss.cli", "run", "config.yaml", "-n", "--quiet", "rules"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        times.append(spent() - start)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
    return {"first_s": times[0], "second_s": times[1]}


PAGES = {name: f"/api/growth/{path}" for name, path in (("stages", "stages"), ("gallery", "gallery?layer=saliency"))}
STAGES: dict[str, Callable[[Path, bool], Row | None]] = {
    "opening": opening,
    "index": index,
    "artifacts": artifacts,
    "seed_labels": seed_labels,
    "refine_labels": refine_labels,
    "evaluate": evaluate,
    "report": report,
    "viewer": viewer,
    "dry_run": dry_run,
}


if __name__ == "__main__":
    main()
