"""Made-up data of any size for `benchmarks.growth`: a tree of photographs, and an index without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

SIZE = (48, 64)
PICTURES, CLASSES = 20, 80


def make_tree(root: Path, images: int) -> None:
    """Write photographs, masks, a table of labels, and the config, once."""
    if (root / "config.yaml").exists():
        return
    random, photos = np.random.default_rng(0), root / "photos"
    originals = []
    (root / "pictures").mkdir(parents=True, exist_ok=True)
    for number in range(PICTURES):
        path = root / f"pictures/{number}"
        Image.fromarray(random.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(path.with_suffix(".jpg"))
        mask = np.zeros(SIZE, np.uint8)
        mask[10:30, 10 : 20 + number] = 1 + number % CLASSES
        Image.fromarray(mask).save(path.with_suffix(".png"))
        originals.append(path)
    rows = ["image,label,split"]
    for number in range(images):
        name, path = f"{number // 1000:03d}/{number:06d}", originals[number % PICTURES]
        for kind, suffix in ((photos, ".jpg"), (root / "masks", ".png")):
            (kind / name).parent.mkdir(parents=True, exist_ok=True)
            (kind / name).with_suffix(suffix).hardlink_to(path.with_suffix(suffix))
        own = 1 + number % PICTURES % CLASSES
        others = random.integers(1, CLASSES + 1, 2)
        labels = ";".join(f"class {value:02d}" for value in sorted({own, *map(int, others)}))
        rows.append(f"{name}.jpg,{labels},{'val' if number % 3 == 2 else 'train'}")
    (photos / "labels.csv").write_text("\n".join(rows) + "\n")
    config = {
        "run": "growth",
        "data": data(root),
        "seeds": [0, 1, 2],
        "methods": ["auxsegnet", "aalr"],
        "saliency": {"source": "superpixels"},
        "variants": {f"threshold{n}": {"seed_labels": {"saliency_threshold": n / 10}} for n in range(1, 6)},
    }
    (root / "config.yaml").write_text(yaml.safe_dump(config))


def data(root: Path) -> dict[str, Any]:
    """Return the settings of the data."""
    names = [f"class {value:02d}" for value in range(1, CLASSES + 1)]
    return {"name": "folder", "root": str(root / "photos"), "masks": str(root / "masks"), "classes": names}


def write_index(path: Path, ids: list[str]) -> None:
    """Write an index of photographs that are not there, of one pixel each."""
    from wsss.store import ArtifactWriter

    names, count = ["background", *(f"class {value:02d}" for value in range(1, CLASSES + 1))], len(ids)
    about = {"root": "/nowhere", "class_names": names, "ignore_index": 255, "max_side": 1024}
    random = np.random.default_rng(0)
    with ArtifactWriter(
        path, stage="index", attributes={**about, "label_source": "made up", "data_name": "coco"}
    ) as index:
        index.write_table("ids", ids)
        index.write_table("paths", [f"{image_id}.jpg" for image_id in ids])
        index.write_table("mask_paths", [""] * count)
        index.write_table("split", ["train"] * count)
        index.write_table("sizes", np.ones((count, 2), np.int32))
        index.write_table("labels", (random.random((count, CLASSES)) < 0.03).astype(np.uint8))
        for name in ("content", "mask_content"):
            index.write_table(name, random.integers(0, 256, (count, 16)).astype(np.uint8))
        index.write_table("stamps", random.integers(0, 2**60, (count, 4)), note=True)
