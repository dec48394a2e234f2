"""How long an artifact of parts takes to join, to open and to read, beside the same in one file.

    python benchmarks/parts.py --images 10582 --parts 8

Times are of the processor; label maps of 375 x 500 pixels, all alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wsss.chunks import pack
from wsss.pipeline.paths import part_path
from wsss.stages.parts import join_parts
from wsss.store import ArtifactReader, ArtifactWriter

STAGE, KIND, READ = "seed_labels", "segmentation", 500


def main() -> None:
    """Write the same images in one file and in parts, and print a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_582)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    ids = [f"2007_{number:06d}" for number in range(options.images)]
    with tempfile.TemporaryDirectory() as folder:
        whole, joined = Path(folder, "whole.h5"), Path(folder, "joined.h5")
        write(whole, ids)
        for part in range(1, options.parts + 1):
            own = ids[part - 1 :: options.parts]
            write(part_path(joined, part, options.parts), own, part=f"{part}/{options.parts}")
        seconds = timed(lambda: join_parts(STAGE, joined, options.parts, {}))
        print(f"join {seconds:.2f} s; {in_mb(joined)} MB, in one file {in_mb(whole)} MB")
        for path in (whole, joined) * options.repeats:
            measure(path, ids, options.parts)


def write(path: Path, ids: Sequence[str], **attributes: Any) -> None:
    """Write an artifact of these images."""
    labels = np.zeros((375, 500), np.uint8)
    labels[100:200, 100:300] = 3
    packed = pack(KIND, "one", labels)
    with ArtifactWriter(path, stage=STAGE, attributes={"class_names": ["background"], **attributes}) as artifact:
        for image_id in ids:
            artifact.write_packed(replace(packed, name=f"{KIND}/{image_id}"))


def measure(path: Path, ids: Sequence[str], parts: int) -> None:
    """Open an artifact, and read some images at random; its parts are open by then."""
    reader = ArtifactReader(path)
    opened = timed(lambda: reader.has(KIND, ids[0]))
    for image_id in ids[:parts]:
        reader.read(KIND, image_id)
    chosen = np.random.default_rng(0).choice(len(ids), min(READ, len(ids)), replace=False)
    seconds = timed(lambda: [reader.read(KIND, ids[place]) for place in chosen])
    print(f"{path.stem}: open {opened:.3f} s, read {1e6 * seconds / len(chosen):.0f} µs an image")


def timed(function: Callable[[], object]) -> float:
    """Return the seconds of the processor that a call takes."""
    start = time.process_time()
    function()
    return time.process_time() - start


def in_mb(path: Path) -> str:
    """Return the size of a file."""
    return f"{path.stat().st_size / 1e6:.1f}"


if __name__ == "__main__":
    main()
