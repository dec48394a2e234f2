"""What an artifact costs: one chunk per image, compressed in threads, beside chunks that HDF5 cuts and compresses.

    python benchmarks/artifacts.py
    python benchmarks/artifacts.py --images 1000 --repeats 5

Made-up label maps (H, W) uint8 and CAMs (2, H/4, W/4) float16 of VOC's common sizes are written and read in both forms,
in turns. Printed are the least milliseconds an image of all repeats, and ratios of both forms. `stage` is the time that
a stage waits for its artifact where it computes for 5 ms between images, but for the joining of shards at the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.checksums import Sums, array_bytes, attributes_sum, content_sum
from wsss.chunks import digest
from wsss.stages.artifact import SHARD_IMAGES, ImageArtifact
from wsss.store import ArtifactReader, ArtifactWriter

SIZES = ((375, 500), (500, 375), (333, 500), (281, 500), (500, 334), (375, 500))
"""Heights and widths of VOC's photographs."""
COMPUTES = 0.005
ATTRIBUTES = {"settings": "{}", "inputs": {}, "code": "", "seed": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    makes = {"label maps": label_map, "CAMs": class_maps}
    with tempfile.TemporaryDirectory() as folder:
        for words, make in makes.items():
            generator = np.random.default_rng(0)
            arrays = [make(generator, *SIZES[number % len(SIZES)]) for number in range(options.images)]
            rounds = [(cut(Path(folder), arrays), whole(Path(folder), arrays)) for _ in range(options.repeats)]
            print(f"{words + ', ms an image':30} {'cut by HDF5':>14} {'one chunk':>11} {'ratio':>7}")
            for what in rounds[0][0]:
                before, after = (min(both[form][what] for both in rounds) for form in (0, 1))
                print(f"  {what:28} {before:17.2f} {after:11.2f} {before / after:7.1f}")


def label_map(generator: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W) uint8: two objects with smooth borders, of 21 labels."""
    field = fields(generator, 3, height, width).argmax(0)
    return np.array([0, *generator.integers(1, 21, 2)], np.uint8)[field]


def class_maps(generator: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(2, H/4, W/4) float16 in [0, 1], about half of it 0."""
    return np.clip(2 * fields(generator, 2, -(-height // 4), -(-width // 4)) - 1, 0, 1).astype(np.float16)


def fields(generator: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """(count, H, W) float32: random values on a coarse grid, interpolated as the features of a network are."""
    grids = generator.random((count, 12, 16), np.float32)
    return np.stack(
        [np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) for grid in grids]
    )


def cut(folder: Path, arrays: list[np.ndarray]) -> dict[str, float]:
    """The form of before: HDF5 chooses chunks and compresses; a stage keeps images and writes 32 at a time."""
    path, waits = folder / "cut.h5", 0.0
    begin = time.perf_counter()
    with ArtifactWriter(path, stage="benchmark") as artifact:
        for number, array in enumerate(arrays):
            write_cut(artifact, number, array)
    written = time.perf_counter()
    read_all(path)
    read = time.perf_counter()
    for first in range(0, len(arrays), SHARD_IMAGES):
        time.sleep(COMPUTES * SHARD_IMAGES)
        start = time.perf_counter()
        with ArtifactWriter(folder / f"{first}.h5", stage="benchmark") as shard:
            for number, array in enumerate(arrays[first : first + SHARD_IMAGES]):
                write_cut(shard, number, array)
        waits += time.perf_counter() - start
    times = {"write": written - begin, "read": read - written, "stage": waits}
    return {what: 1e3 * seconds / len(arrays) for what, seconds in times.items()} | {"kB": kilobytes(path, arrays)}


def write_cut(artifact: ArtifactWriter, number: int, array: np.ndarray) -> None:
    name = f"kind/{number}"
    options = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    artifact._file.create_dataset(name, data=array, track_times=False, **options)
    artifact._digest += digest(name, array, array.shape, str(array.dtype))
    content = content_sum(name, array.shape, str(array.dtype), array_bytes(array))
    artifact._sums.add(name, Sums(content, attributes_sum(name, {}), packed=False))


def read_all(path: Path) -> None:
    with ArtifactReader(path) as reader:
        for image_id in reader.ids("kind"):
            reader.read("kind", image_id)


def whole(folder: Path, arrays: list[np.ndarray]) -> dict[str, float]:
    """The form of artifacts."""
    path = folder / "whole.h5"
    begin = time.perf_counter()
    with ArtifactWriter(path, stage="benchmark") as artifact:
        for number, array in enumerate(arrays):
            artifact.write("kind", str(number), array)
    written = time.perf_counter()
    read_all(path)
    read = time.perf_counter()
    waits = sum(waits_of_a_stage(folder / "stage.h5", arrays))
    times = {"write": written - begin, "read": read - written, "stage": waits}
    return {what: 1e3 * seconds / len(arrays) for what, seconds in times.items()} | {"kB": kilobytes(path, arrays)}


def waits_of_a_stage(output: Path, arrays: list[np.ndarray]) -> Iterator[float]:
    with ImageArtifact(output, stage="benchmark", attributes=ATTRIBUTES) as artifact:
        for number, array in enumerate(arrays):
            time.sleep(COMPUTES)
            start = time.perf_counter()
            artifact.write(str(number), {"kind": array})
            yield time.perf_counter() - start


def kilobytes(path: Path, arrays: list[np.ndarray]) -> float:
    return path.stat().st_size / len(arrays) / 1e3


if __name__ == "__main__":
    main()
