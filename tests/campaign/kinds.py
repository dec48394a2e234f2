"""Kinds of inputs: a file of a user's, what it may be replaced by, and a command that reads it."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from hypothesis.strategies import SearchStrategy, one_of, sampled_from
from PIL import Image

from tests.campaign.grammars import csv_files, damaged, json_files, lists, xml_files, yaml_files
from tests.helpers import CLASSES, make_folder
from tests.viewer.tiny import PREDICTED, SEEDS, make_results
from wsss.store import ArtifactReader

INPUTS, OUTPUT = "{inputs}", "{output}"
Command = Sequence[str]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: In the table.
        file: The file that is replaced, below the inputs.
        content: What takes its place.
        command: Reads it. The words for both folders are replaced.
        share: Its share of the campaign's inputs.
        right: Looks at what was written after success; raises if that cannot be right.
    """

    name: str
    file: str
    content: SearchStrategy[bytes]
    command: Command
    share: int = 100
    right: Callable[[Path], None] | None = None


def make_inputs(root: Path) -> None:
    """A run with its photographs, a folder of photographs, and small files of the other kinds."""
    make_results(root)
    make_folder(root / "folder", train=4, val=2)
    (root / "config.yaml").write_text(yaml.safe_dump(_config(root)))
    (root / "settings.yaml").write_text(
        yaml.safe_dump({"root": str(root / "folder"), "name": "folder", "masks": "masks"})
    )
    (root / "cams").mkdir()
    for name in _ids(root, "train"):
        present = {value: np.ones((6, 8), np.float32) for value in range(len(CLASSES))}
        np.save(root / "cams" / f"{name}.npy", np.array(present, dtype=object), allow_pickle=True)
    (root / "maps").mkdir()
    with ArtifactReader(root / "results/tiny" / SEEDS) as labels:
        for name in labels.ids("segmentation"):
            Image.fromarray(labels.read("segmentation", name)).save(root / "maps" / f"{name}.png")
    torch.save({"conv1a.weight": torch.zeros(2, 3), "b2.conv_branch1.weight": torch.zeros(1)}, root / "weights.pth")
    (root / "weights.params").write_bytes(_params())


def _ids(root: Path, split: str) -> list[str]:
    return (root / f"photos/ImageSets/Segmentation/{split}.txt").read_text().split()


def _config(root: Path) -> dict[str, Any]:
    return {
        "run": "mine",
        "data": {"name": "folder", "root": str(root / "folder"), "masks": "masks", "max_side": 256, "limit": 3},
        "backbone": {"name": "resnet50", "weights": "none", "output_stride": 16},
        "train_classifier": {"epochs": 2, "batch_size": 4, "optimizer": {"learning_rate": 0.01}},
        "cams": {"scales": [1.0, 0.5], "flip": True},
        "seed_labels": {"cam_threshold": 0.2, "saliency_threshold": 0.1},
        "methods": ["auxsegnet"],
        "auxsegnet": {"rounds": 1},
        "seeds": [0, 1],
        "variants": {"a": {}, "b": {"cams": {"flip": False}}},
        "runtime": {"device": "cpu", "workers": 0},
    }


def _params() -> bytes:
    """A file of MXNet with one array of two numbers."""
    array = (0xF993FAC9).to_bytes(4, "little") + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    array += (2).to_bytes(8, "little") + (1).to_bytes(4, "little") + (0).to_bytes(8, "little") + bytes(8)
    name = b"arg:conv1a_weight"
    head = (0x112).to_bytes(8, "little") + bytes(8) + (1).to_bytes(8, "little")
    return head + array + (1).to_bytes(8, "little") + len(name).to_bytes(8, "little") + name


def kinds(root: Path) -> list[Kind]:
    """The kinds, of the inputs that `make_inputs` made."""
    return [*_of_settings(root), *_of_lists(root), *_of_pictures(root), *_of_results(root)]


def _of_settings(root: Path) -> list[Kind]:
    config, folder = _config(root), _folder(root)
    check = ("check", f"{INPUTS}/config.yaml")
    index = _index(f"{INPUTS}/settings.yaml")
    return [
        Kind("config (YAML)", "config.yaml", yaml_files(config, list(config)), check, 600),
        Kind("settings (YAML)", "settings.yaml", yaml_files(folder, list(folder)), index, 200, whole_index),
        Kind("settings (JSON)", "settings.yaml", json_files(folder), index, 200, whole_index),
    ]


def _of_lists(root: Path) -> list[Kind]:
    train = _ids(root, "train")
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


def _of_pictures(root: Path) -> list[Kind]:
    first, png = _ids(root, "train")[0], "folder/sub/img 1.png"
    image, mask, given = (
        f"photos/JPEGImages/{first}.jpg",
        f"photos/SegmentationClass/{first}.png",
        f"maps/{first}.png",
    )
    index, cam = _index(_voc(root)), f"cams/{first}.npy"
    by_cam = one_of(damaged((root / cam).read_bytes()), sampled_from(pickles()))
    maps = ("import_labels", f"{INPUTS}/maps", *_IMPORT)
    cams = ("import_cams", f"{INPUTS}/cams", *_IMPORT, "--trust-pickles")

    def changed(name: str) -> SearchStrategy[bytes]:
        return one_of(damaged((root / name).read_bytes()), sampled_from(pictures()))

    return [
        Kind("photograph", image, changed(image), index, 250, whole_index),
        Kind("photograph (PNG)", png, changed(png), _index(_folder(root)), 150, whole_index),
        Kind("mask (PNG)", mask, changed(mask), index, 200, whole_index),
        Kind("map of another program", given, changed(given), maps, 100),
        Kind("CAM (.npy)", cam, by_cam, cams, 150),
    ]


def _of_results(root: Path) -> list[Kind]:
    metrics, labels, predicted = (f"results/tiny/{name}" for name in ("evaluation/metrics.json", SEEDS, PREDICTED))
    content = json_files(json.loads((root / metrics).read_text()))
    run, index = f"{INPUTS}/results/tiny", "results/tiny/index.h5"
    to = ("--index", f"{INPUTS}/{index}", "--output", f"{OUTPUT}/export", "--photographs", "none")

    def changed(name: str, file: str, share: int, *command: str) -> Kind:
        return Kind(name, file, damaged((root / file).read_bytes()), command, share)

    def convert(file: str) -> Command:
        return ("convert_weights", f"{INPUTS}/{file}", "--output", f"{OUTPUT}/weights.pth")

    return [
        Kind("metrics.json: summary", metrics, content, ("summary", run), 200),
        Kind("metrics.json: compare", metrics, content, ("compare", run, run), 100),
        changed("labels (HDF5): inspect", labels, 150, "inspect", f"{INPUTS}/{labels}"),
        changed("labels (HDF5): export", labels, 150, "export", f"{INPUTS}/{labels}", *to),
        changed("predictions (HDF5): export", predicted, 100, "export", f"{INPUTS}/{predicted}", *to),
        changed("index (HDF5): export", index, 150, "export", f"{INPUTS}/{labels}", *to),
        changed("weights (.pth)", "weights.pth", 100, *convert("weights.pth")),
        changed("weights (.params)", "weights.params", 100, *convert("weights.params")),
    ]


_IMPORT = ("--index", f"{INPUTS}/results/tiny/index.h5", "--output", f"{OUTPUT}/imported.h5")


def _index(settings: str | dict[str, Any]) -> Command:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    return ("index", "--settings", text, "--output", f"{OUTPUT}/index.h5")


def _voc(root: Path, **more: str) -> dict[str, Any]:
    return {"name": "voc", "root": f"{root}/photos", "classes": "classes.txt", **more}


def _folder(root: Path) -> dict[str, Any]:
    return {"name": "folder", "root": f"{root}/folder", "masks": "masks"}


def whole_index(output: Path) -> None:
    """What was written is an index: all tables of one length, classes and images named."""
    with ArtifactReader(output / "index.h5", "index") as reader:
        ids = reader.table("ids")
        for name in ("paths", "mask_paths", "sizes", "labels", "split"):
            assert len(reader.table(name)) == len(ids) > 0, name
        assert all(reader.attributes["class_names"]), "a class without a name"


def pictures() -> list[bytes]:
    """Pictures in forms that masks and photographs do not have, or seldom."""
    found = []
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for mode, form in (("RGB", "PNG"), ("RGBA", "PNG"), ("1", "PNG"), ("I;16", "PNG"), ("P", "GIF"), ("F", "TIFF"),
                       ("I", "TIFF"), ("CMYK", "JPEG"), ("L", "BMP"), ("RGB", "WEBP"), ("LA", "PNG")):  # fmt: skip
        buffer = io.BytesIO()
        picture = Image.fromarray(ramp.astype(np.uint16)) if mode == "I;16" else Image.fromarray(ramp).convert(mode)
        picture.save(buffer, form)
        found.append(buffer.getvalue())
    huge = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(huge, "PNG")
    return [*found, huge.getvalue(), b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]


class _Exit:
    """A pickle that ends the program."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exit, (0,)


class _Raise:
    """A pickle that asks for more memory than there is."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (1 << 44,)


def pickles() -> list[bytes]:
    """Arrays of other shapes and kinds than dictionaries of maps, and pickles that do as they like."""
    ones, threes = np.ones((2, 2)), np.ones((3, 3))
    contents: list[Any] = [
        *({}, {0: 1.0}, {0: np.zeros(3)}, {0: np.zeros((0, 4))}, {"a": 1}, {0: "text"}, {0: np.array(["a"])}),
        *({-1: ones}, {10**30: ones}, {0: ones * np.nan}, {0: ones, 1: threes, 2: 1}, {0: ones, 1: threes, 2: ones}),
        *({"keys": [0], "cam": np.ones((2, 3, 3))}, {"keys": "a", "cam": 3}, {"keys": None, "high_res": None}),
        *({"keys": [[0.5]], "cam": np.ones((1, 3, 3))}, [1, 2], None, "text", 3.0, _Exit(), {0: _Exit()}, _Raise()),
    ]
    found = []
    for content in contents:
        buffer = io.BytesIO()
        holder = np.empty((), dtype=object)
        holder[()] = content
        np.save(buffer, holder, allow_pickle=True)
        found += [buffer.getvalue(), pickle.dumps(content)]
    for array in (np.zeros((3, 4)), np.zeros(0), np.zeros((), "U3"), np.zeros(2, [("a", "f4")])):
        buffer = io.BytesIO()
        np.save(buffer, array)
        found.append(buffer.getvalue())
    return found
