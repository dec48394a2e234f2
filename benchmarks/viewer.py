"""How long the page takes over a large run: makes one of synthetic images, serves it, and asks as a browser does.

    python benchmarks/viewer.py make  FOLDER --images 10000    # once; a few minutes, about 1 GB
    python benchmarks/viewer.py ask   FOLDER                   # starts the server, prints the times, ends it
    python benchmarks/viewer.py browse FOLDER                  # the same in Chromium, until the last picture is drawn

Photographs are links to 100 different files of 375 x 500, as in VOC; label maps are all different. Every page and image
that is asked for is a new one, so nothing comes from the cache of thumbnails; files may be in the system's cache, as
after the first look. Wanted on 2 cores: a page of 60 thumbnails under 1 s, an image with three layers under 0.3 s.
Beside the times stands what the server used of a processor, which tells more where others use the machine as well.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
from PIL import Image, ImageFilter

SIZE = (375, 500)
CLASSES = 20
DIFFERENT_PHOTOGRAPHS = 100
CONNECTIONS = 6
"""As many as a browser opens to one server."""
LAYERS = ("saliency", "labels/seeds", "labels/auxsegnet_round1")


def make(folder: Path, images: int) -> None:
    from wsss.config import VocData
    from wsss.context import RunContext
    from wsss.data import load_dataset
    from wsss.stages.index import index
    from wsss.store import ArtifactWriter

    root, run = folder / "photos", folder / "results/large"
    ids = [f"2012_{number:06d}" for number in range(images)]
    _photographs(root, ids)
    settings = VocData(root=str(root), image_labels="image_labels.txt")
    index(settings, output=run / "index.h5", context=RunContext(workers=2))
    names = list(load_dataset(run / "index.h5").class_names)
    about = {"class_names": names, "settings": "{}", "split": "train"}
    random_numbers = np.random.default_rng(1)
    with (
        ArtifactWriter(run / "saliency.h5", stage="saliency") as saliency,
        ArtifactWriter(run / "auxsegnet/round0/labels.h5", stage="seed_labels", attributes=about) as seeds,
        ArtifactWriter(run / "auxsegnet/round1/labels.h5", stage="update_labels", attributes=about) as updated,
    ):
        for image_id in ids:
            soft, labels, better = _maps(random_numbers)
            saliency.write("saliency", image_id, soft)
            seeds.write("segmentation", image_id, labels)
            updated.write("segmentation", image_id, better)


def _photographs(root: Path, ids: list[str]) -> None:
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / name).mkdir(parents=True, exist_ok=True)
    random_numbers = np.random.default_rng(0)
    originals = []
    for number in range(DIFFERENT_PHOTOGRAPHS):
        noise = random_numbers.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        path = root / f"original{number}.jpg"
        Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).save(path, quality=90)
        mask = root / f"original{number}.png"
        Image.fromarray(_maps(random_numbers)[1]).save(mask)
        originals.append((path, mask))
    for place, image_id in enumerate(ids):
        path, mask = originals[place % len(originals)]
        os.link(path, root / "JPEGImages" / f"{image_id}.jpg")
        os.link(mask, root / "SegmentationClass" / f"{image_id}.png")
    for path, mask in originals:
        path.unlink()
        mask.unlink()
    (root / "ImageSets/Segmentation/train.txt").write_text("\n".join(ids[:-1]) + "\n")
    (root / "ImageSets/Segmentation/val.txt").write_text(f"{ids[-1]}\n")
    named = (f"{image_id} {('aeroplane', 'cat', 'person')[place % 3]}" for place, image_id in enumerate(ids))
    (root / "image_labels.txt").write_text("\n".join(named) + "\n")


def _maps(random_numbers: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Saliency, labels and somewhat other labels with two ellipses of classes in a ring of 255."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    soft, labels = np.full(SIZE, 12.0), np.zeros(SIZE, np.uint8)
    better = labels.copy()
    for _ in range(2):
        y, x = random_numbers.integers(60, SIZE[0] - 60), random_numbers.integers(60, SIZE[1] - 60)
        a, b = random_numbers.integers(30, 110, 2)
        wave = 0.15 * np.sin(np.arctan2(rows - y, columns - x) * random_numbers.integers(3, 9))
        distance = np.hypot((rows - y) / a, (columns - x) / b) + wave
        value = random_numbers.integers(1, CLASSES + 1)
        labels[distance < 1.3] = 255
        labels[distance < 1] = value
        better[distance < 1.1] = value
        soft = np.maximum(soft, 255 * np.clip(1.6 - distance, 0, 1))
    return soft.astype(np.uint8), labels, better


@contextmanager
def served(run: Path) -> Iterator[tuple[str, int]]:
    """The address of a server that is started for this, and its process."""
    command = [sys.executable, "-m", "wsss.cli", "view", str(run), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "http://" in line:
                yield "http://" + line.split("http://")[1].split("/")[0], process.pid
                return
        raise RuntimeError("the server did not start")
    finally:
        process.terminate()
        process.wait()


def ask(run: Path, rounds: int = 15) -> None:
    import json

    with served(run) as (address, process), ThreadPoolExecutor(CONNECTIONS) as pool:

        def get(path: str) -> bytes:
            with urlopen(f"{address}/api/large/{path}") as answer:
                return answer.read()

        started = time.perf_counter()
        first = json.loads(get("gallery?size=60"))
        print(f"first answer, index read: {time.perf_counter() - started:.2f} s, {first['total']} images")
        choose = random.Random(0)
        pages = choose.sample(range(2, first["pages"]), 2 * rounds)

        def page(layer: str) -> Callable[[int], None]:
            def load(number: int) -> None:
                items = json.loads(get(f"gallery?size=60&page={number}&layer={quote(layer)}"))["items"]
                paths = [f"thumbnail?layer={quote(layer)}&image={i['id']}&v={i['versions'][layer]}" for i in items]
                list(pool.map(get, paths))

            return load

        def image(number: int) -> None:
            image_id = f"2012_{number:06d}"
            about = json.loads(get(f"image?image={image_id}"))
            maps = [f"map?layer={quote(key)}&image={image_id}" for key in LAYERS]
            assert {layer["key"] for layer in about["layers"]} >= set(LAYERS)
            list(pool.map(get, [f"photograph?image={image_id}", *maps]))

        _times(process, "page of 60 photographs", page("photograph"), pages[:rounds])
        _times(process, "page of 60 label maps", page("labels/seeds"), pages[rounds:])
        _times(process, "the same pages again", page("labels/seeds"), pages[rounds:])
        _times(process, "image with three layers", image, choose.sample(range(first["total"]), 4 * rounds))


def browse(run: Path, rounds: int = 8) -> None:
    from playwright.sync_api import sync_playwright

    drawn = "() => { const all = [...document.querySelectorAll('.grid img')];"
    drawn += " return all.length === 60 && all.every((image) => image.complete && image.naturalWidth); }"
    with served(run) as (address, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 1440, "height": 900})
        window.goto(f"{address}/gallery?layer=labels/seeds")
        window.wait_for_function(drawn)
        choose = random.Random(1)

        def page(number: int) -> None:
            window.goto(f"{address}/gallery?layer=labels/seeds&page={number}")
            window.wait_for_function(drawn)

        def following(_: int) -> None:
            before = window.locator(".card b").first.inner_text()
            window.get_by_label("Next page").first.click()
            window.wait_for_function(f"() => document.querySelector('.card b')?.textContent !== '{before}'")
            window.wait_for_function(drawn)

        window.goto(f"{address}/image?id=2012_000001&on=saliency,labels/seeds,labels/auxsegnet_round1")
        window.wait_for_selector(".stage canvas")

        def image(number: int) -> None:
            window.goto(f"{address}/image?id=2012_{number:06d}&on=saliency,labels/seeds,labels/auxsegnet_round1")
            window.wait_for_selector(".stage canvas")

        _times(process, "browser: page of 60 label maps", page, choose.sample(range(2, 160), rounds))
        # somebody looks at a page for some seconds, while the browser fetches the next one
        _times(process, "browser: next page, after a look of 6 s", following, list(range(rounds)), pause=6)
        _times(process, "browser: image, page loaded anew", image, choose.sample(range(9000), rounds))
        browser.close()


def _times(process: int, what: str, run: Callable[[int], None], items: list[int], *, pause: float = 0) -> None:
    taken = []
    before = _processor_seconds(process)
    for item in items:
        time.sleep(pause)
        started = time.perf_counter()
        run(item)
        taken.append(time.perf_counter() - started)
    used = (_processor_seconds(process) - before) / len(items)
    median, worst = statistics.median(taken), max(taken)
    print(f"{what}: median {median:.3f} s, worst {worst:.3f} s of {len(taken)}; server's processor {used:.3f} s each")


def _processor_seconds(process: int) -> float:
    """What a process has used so far, by Linux's account of it."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "ask", "browse"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args()
    if options.what == "make":
        make(options.folder, options.images)
        return
    print(f"load average before: {os.getloadavg()[0]:.1f}")
    {"ask": ask, "browse": browse}[options.what](options.folder / "results/large")


if __name__ == "__main__":
    main()
