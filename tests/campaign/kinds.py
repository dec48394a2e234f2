"""Kinds of inputs that users make: settings, lists, photographs, maps."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from hypothesis.strategies import SearchStrategy, one_of, sampled_from
from PIL import Image

from tests.campaign.grammars import csv_files, damaged, json_files, lists, xml_files, yaml_files
from tests.campaign.kind import INPUTS, OUTPUT, Command, Kind
from tests.campaign.odd import pickles, pictures
from tests.campaign.tree import config_of, ids_of
from tests.coco import coco_settings, instances_path
from tests.helpers import CLASSES
from wsss.store import ArtifactReader


def of_settings(root: Path) -> list[Kind]:
    """Settings and configs."""
    config, folder = config_of(root), _folder(root)
    check = ("check", f"{INPUTS}/config.yaml")
    index = _index(f"{INPUTS}/settings.yaml")
    return [
        Kind("config (YAML)", "config.yaml", yaml_files(config, list(config)), check, 600),
        Kind("settings (YAML)", "settings.yaml", yaml_files(folder, list(folder)), index, 200, whole_index),
        Kind("settings (JSON)", "settings.yaml", json_files(folder), index, 200, whole_index),
    ]


def of_lists(root: Path) -> list[Kind]:
    """Tables, lists and annotations of data sets."""
    train = ids_of(root, "train")
    table = [f"{name} bird" for name in train]
    rows = [line.split(",") for line in (root / "folder/labels.csv").read_text().splitlines()]
    from_xml, from_table = _index(_voc(root)), _index(_voc(root, image_labels="image_labels.txt"))
    annotation = f"photos/Annotations/{train[0]}.xml"
    xml, names = xml_files((root / annotation).read_bytes(), CLASSES), ("background", *CLASSES)
    sets = "photos/ImageSets/Segmentation"
    return [
        Kind("labels (CSV)", "folder/labels.csv", csv_files(rows), _index(_folder(root)), 400, whole_index),
        Kind("list of images", f"{sets}/train.txt", lists(train), from_xml, 150, whole_index),
        Kind("list of classes", "photos/classes.txt", lists(names), from_xml, 150, whole_index),
        Kind("table of labels", "photos/image_labels.txt", lists(table), from_table, 150, whole_index),
        Kind("annotation (XML)", annotation, xml, from_xml, 300, whole_index),
    ]


def of_tables(root: Path) -> list[Kind]:
    """Further tables of labels, and JSON of COCO's kind."""
    columns, lines, table = "folder/columns.csv", "folder/labels.jsonl", "photos/cls_labels.npy"
    rows = [line.split(",") for line in (root / columns).read_text().splitlines()]
    by_table = one_of(damaged((root / table).read_bytes()), sampled_from(pickles()))
    published = _index(_voc(root, image_labels="cls_labels.npy"))
    instances = instances_path(root / "coco")
    content = json.loads(instances.read_text())
    coco = one_of(json_files(content), damaged(instances.read_bytes()))
    name, index = instances.relative_to(root).as_posix(), _index(coco_settings(root / "coco"))
    return [
        Kind("labels (columns)", columns, csv_files(rows), _index(_folder(root, "columns.csv")), 150, whole_index),
        Kind("labels (JSON lines)", lines, damaged((root / lines).read_bytes()), _index(_folder(root, "labels.jsonl"))),
        Kind("labels (.npy)", table, by_table, published, 150, whole_index),
        Kind("instances (JSON)", name, coco, index, 300, whole_index),
    ]


HUB_TABLES = {"photographs (parquet)": "hub.parquet", "photographs (arrow)": "hub.arrow"}
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


def of_hub_tables(root: Path) -> list[Kind]:
    """Tables of photographs, as Hugging Face's `datasets` writes them."""
    found = []
    for kind, name in HUB_TABLES.items() if HAS_PYARROW else ():
        unpack = ("unpack", f"{INPUTS}/{name}", "--output", f"{OUTPUT}/unpacked")
        found.append(Kind(kind, name, damaged((root / name).read_bytes()), unpack, 150, whole_folder))
    return found


def whole_folder(output: Path) -> None:
    """What was written is a folder of photographs, each with its row."""
    rows = (output / "unpacked/labels.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == len(list((output / "unpacked/train").iterdir())) > 0


def of_pictures(root: Path) -> list[Kind]:
    """Photographs, masks, and maps of other programs."""
    first, png = ids_of(root, "train")[0], "folder/sub/img 1.png"
    image, mask, given = (
        f"photos/JPEGImages/{first}.jpg",
        f"photos/SegmentationClass/{first}.png",
        f"maps/{first}.png",
    )
    index, cam = _index(_voc(root)), f"cams/{first}.npy"
    by_cam = one_of(damaged((root / cam).read_bytes()), sampled_from(pickles()))
    maps = ("import_labels", f"{INPUTS}/maps", *_IMPORT)
    cams = ("import_cams", f"{INPUTS}/cams", *_IMPORT, "--trust-pickles")

    from_maps = {"source": "folder", "folder": f"{root}/maps"}
    saliency = ("saliency", "--index", f"{INPUTS}/{INDEX}", "--output", f"{OUTPUT}/saliency.h5")

    def changed(name: str) -> SearchStrategy[bytes]:
        return one_of(damaged((root / name).read_bytes()), sampled_from(pictures()))

    return [
        Kind("photograph", image, changed(image), index, 250, whole_index),
        Kind("photograph (PNG)", png, changed(png), _index(_folder(root)), 150, whole_index),
        Kind("mask (PNG)", mask, changed(mask), index, 200, whole_index),
        # a mask is known by its content
        Kind("mask (TIFF)", mask, damaged(_as_tiff(root / mask)), index, 150, whole_index),
        Kind("map of another program", given, changed(given), maps, 100),
        Kind("map: saliency", given, changed(given), (*saliency, "--settings", json.dumps(from_maps)), 60),
        Kind("CAM (.npy)", cam, by_cam, cams, 150),
    ]


def _as_tiff(mask: Path) -> bytes:
    """Return a mask as a TIFF with a nodata value that no pixel has, compressed in tiles."""
    buffer = io.BytesIO()
    nodata = (42113, "s", 4, "254", True)
    layout = {"photometric": "minisblack", "compression": "zlib", "tile": (16, 16), "extratags": [nodata]}
    tifffile.imwrite(buffer, np.array(Image.open(mask)), **layout)
    return buffer.getvalue()


INDEX = "results/tiny/index.h5"
_IMPORT = ("--index", f"{INPUTS}/{INDEX}", "--output", f"{OUTPUT}/imported.h5")


def _index(settings: str | dict[str, Any]) -> Command:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    return ("index", "--settings", text, "--output", f"{OUTPUT}/index.h5")


def _voc(root: Path, **more: str) -> dict[str, Any]:
    return {"name": "voc", "root": f"{root}/photos", "classes": "classes.txt", **more}


def _folder(root: Path, labels: str = "labels.csv") -> dict[str, Any]:
    return {"name": "folder", "root": f"{root}/folder", "masks": "masks", "labels": labels}


def whole_index(output: Path) -> None:
    """What was written is an index: all tables of one length, classes and images named."""
    with ArtifactReader(output / "index.h5", "index") as reader:
        ids = reader.table("ids")
        for name in ("paths", "mask_paths", "sizes", "labels", "split"):
            assert len(reader.table(name)) == len(ids) > 0, name
        assert all(reader.attributes["class_names"]), "a class without a name"
