"""Memory and time of a photograph that is seen in tiles.

    python benchmarks/large_photograph.py --side 20000 --tile 1024 --classes 20

Makes a JPEG of that side and an untrained segmentation network, runs `wsss predict` on it in a process of its own, and
prints the time and the largest memory of that process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.models import Segmenter
from wsss.training.checkpoint import build_model, save_model

SETTINGS = {"head_channels": 128, "atrous_rates": [6, 12, 18], "dropout": 0.0}


def main() -> None:
    """Make the photograph and the network, and predict."""
    Image.MAX_IMAGE_PIXELS = None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0", help="one of timm at stride 32 takes less time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_photograph(folder / "photo.jpg", options.side)
        _make_network(folder / "model.ckpt", options.classes, options.backbone)
        command = [sys.executable, "-m", "wsss.cli", "predict", str(folder / "model.ckpt"), str(folder / "photo.jpg")]
        command += ["--tile", str(options.tile), "--output", str(folder / "out"), "--device", "cpu"]
        start = time.monotonic()
        subprocess.run(command, check=True)
        seconds = time.monotonic() - start
        with Image.open(folder / "out/masks/photo.png") as mask:
            print(f"mask of {mask.width} x {mask.height} px")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{options.side} px, tiles of {options.tile} px: {seconds:.0f} s, {peak:.2f} GiB at most")


def _make_photograph(path: Path, side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR).save(path, quality=90)


def _make_network(path: Path, classes: int, backbone: str) -> None:
    stride = 16 if backbone == "tf_efficientnet_lite0" else 32
    settings = {**SETTINGS, "backbone": {"name": backbone, "weights": "none", "output_stride": stride}}
    names = ["background", *(f"class {number}" for number in range(1, classes + 1))]
    save_model(
        path,
        stage="train_segmenter",
        model=build_model(Segmenter, settings, classes, seed=0),
        model_settings=settings,
        class_names=names,
        attributes={},
        metrics={},
    )


if __name__ == "__main__":
    main()
