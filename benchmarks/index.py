"""What `index` costs on a data set in COCO's format: time and memory, and the disk that its masks take.

    python benchmarks/index.py --images 10000
    python benchmarks/index.py --images 10000 --workers 2

Made-up photographs of 640 x 480 pixels (a few pictures under many names) and a JSON of 7 outlines an image, polygons
of 40 points: what COCO has on average. Printed are seconds to read the JSON, seconds of the whole stage, the memory
at its highest, and the size of JSON and index. A data set of the same images without masks shows what masks add. Then
the time in which a stage opens the index, and reads a mask. Seconds are those of the processor: without workers, on a
machine that does nothing else, the clock shows the same.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wsss.config import CocoData
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.sources import list_images
from wsss.stages.index import index

SIZE = (480, 640)
PICTURES, OBJECTS, POINTS, CLASSES = 20, 7, 40, 80


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # in a process of its own, whose memory is not that of the stage
        maker = multiprocessing.Process(target=make_tree, args=(root, arguments.images))
        maker.start()
        maker.join()
        print(f"{arguments.images} images, JSON of {(root / 'train.json').stat().st_size / 1e6:.1f} MB")
        settings = {"root": str(root), "train_annotations": "train.json", "train_images": "images"}
        drawn = CocoData(**settings, val_annotations=None)
        print(f"the program alone: {memory():.0f} MB of memory")
        start = time.process_time()
        list_images(drawn)
        print(f"JSON read in {time.process_time() - start:.1f} s, at most {memory():.0f} MB")
        for name, data in (("without masks", drawn.model_copy(update={"masks": False})), ("with masks", drawn)):
            path = root / f"{name}.h5"
            start = time.process_time()
            index(data, output=path, context=RunContext(workers=arguments.workers))
            seconds, size = time.process_time() - start, path.stat().st_size
            each = f"{1000 * seconds / arguments.images:.1f} ms and {size / arguments.images / 1000:.2f} kB an image"
            print(f"index {name}: {seconds:.1f} s, {size / 1e6:.1f} MB: {each}; at most {memory():.0f} MB of memory")
            start = time.process_time()
            dataset = load_dataset(path)
            print(f"opened in {time.process_time() - start:.2f} s")
        ids = dataset.ids("train")[:: max(1, arguments.images // 500)]
        start = time.process_time()
        for image_id in ids:
            dataset.mask(image_id)
        print(f"a mask read in {1000 * (time.process_time() - start) / len(ids):.2f} ms")


def make_tree(root: Path, images: int) -> None:
    """Write photographs and a JSON of instances."""
    random = np.random.default_rng(0)
    (root / "images").mkdir()
    for number in range(PICTURES):
        rough = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        smooth = np.asarray(rough.resize(SIZE[::-1], Image.Resampling.BICUBIC), np.float32)
        noisy = (smooth + random.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / f"picture{number}.jpg", quality=90)
    listed, annotations = [], []
    for number in range(images):
        name = f"{number:012d}.jpg"
        (root / "images" / name).hardlink_to(root / f"picture{number % PICTURES}.jpg")
        listed.append({"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
        for _ in range(OBJECTS):
            annotations.append(annotation(random, number, len(annotations)))
    categories = [{"id": own, "name": f"class {own}"} for own in range(1, CLASSES + 1)]
    content = {"images": listed, "annotations": annotations, "categories": categories}
    (root / "train.json").write_text(json.dumps(content))


def annotation(random: np.random.Generator, image: int, number: int) -> dict[str, Any]:
    """Outline an object as a wobbly ring of points."""
    angles = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    radius = random.uniform(10, 120) * (1 + 0.2 * np.cumsum(random.normal(0, 0.3, POINTS)).clip(-2, 2))
    x = (random.uniform(0, SIZE[1]) + radius * np.cos(angles)).clip(0, SIZE[1])
    y = (random.uniform(0, SIZE[0]) + radius * np.sin(angles)).clip(0, SIZE[0])
    outline = np.stack([x, y], 1).round(2).ravel().tolist()
    about = {"id": number, "image_id": image, "category_id": int(random.integers(1, CLASSES + 1)), "iscrowd": 0}
    return {**about, "area": float(np.pi * radius.mean() ** 2), "segmentation": [outline]}


def memory() -> float:
    """Return the memory of this process at its highest, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
