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
        waits_for: Item of the list of known defects for which it fails still.
    """

    name: str
    file: str
    content: SearchStrategy[bytes]
    command: Command
    share: int = 100
    right: Callable[[Path], None] | None = None
    waits_for: str = ""


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
    config, settings = _config(root), yaml.safe_load((root / "settings.yaml").read_text())
    voc = json.dumps({"name": "voc", "root": f"{root}/photos", "classes": "classes.txt"})
    table = json.dumps(
        {"name": "voc", "root": f"{root}/photos", "classes": "classes.txt", "image_labels": "image_labels.txt"}
    )
    folder = json.dumps(settings)
    train = _ids(root, "train")
    classes = ("background", *CLASSES)
    rows = [line.split(",") for line in (root / "folder/labels.csv").read_text().splitlines()]
    run = f"{INPUTS}/results/tiny"
    evaluation = json.loads((root / "results/tiny/evaluation/metrics.json").read_text())

    def read(name: str) -> bytes:
        return (root / name).read_bytes()

    def index(text: str) -> Command:
        return ("index", "--settings", text, "--output", f"{OUTPUT}/index.h5")

    def of_file(name: str, file: str, command: Command, share: int, **more: Any) -> Kind:
        return Kind(name, file, damaged(read(file)), command, share, **more)

    image, mask = f"photos/JPEGImages/{train[0]}.jpg", f"photos/SegmentationClass/{train[0]}.png"
    whole = {"right": whole_index}
    exporting = ("--index", f"{run}/index.h5", "--output", f"{OUTPUT}/export", "--photographs", "none")
    importing = ("--index", f"{run}/index.h5", "--output", f"{OUTPUT}/imported.h5")
    return [
        Kind("config (YAML)", "config.yaml", yaml_files(config, list(config)), ("check", f"{INPUTS}/config.yaml"), 600),
        Kind("settings (YAML)", "settings.yaml", yaml_files(settings, list(settings)), index(f"{INPUTS}/settings.yaml"), 200, **whole),
        Kind("settings (JSON)", "settings.yaml", json_files(settings), index(f"{INPUTS}/settings.yaml"), 200, **whole),
        Kind("labels (CSV)", "folder/labels.csv", csv_files(rows), index(folder), 400, **whole),
        Kind("list of images", "photos/ImageSets/Segmentation/train.txt", lists(train), index(voc), 150, **whole),
        Kind("list of classes", "photos/classes.txt", lists(classes), index(voc), 150, **whole),
        Kind("table of labels", "photos/image_labels.txt", lists([f"{i} bird" for i in train]), index(table), 150, **whole),
        Kind("annotation (XML)", f"photos/Annotations/{train[0]}.xml", xml_files(read(f"photos/Annotations/{train[0]}.xml"), CLASSES), index(voc), 300, **whole),
        Kind("photograph", image, one_of(damaged(read(image)), sampled_from(pictures())), index(voc), 250, **whole),
        Kind("photograph (PNG)", "folder/sub/img 1.png", one_of(damaged(read("folder/sub/img 1.png")), sampled_from(pictures())), index(folder), 150, **whole),
        Kind("mask (PNG)", mask, one_of(damaged(read(mask)), sampled_from(pictures())), index(voc), 200, **whole),
        Kind("map of another program", f"maps/{train[0]}.png", one_of(damaged(read(f"maps/{train[0]}.png")), sampled_from(pictures())), ("import_labels", f"{INPUTS}/maps", *importing), 100),
        Kind("CAM (.npy)", f"cams/{train[0]}.npy", one_of(damaged(read(f"cams/{train[0]}.npy")), sampled_from(pickles())), ("import_cams", f"{INPUTS}/cams", *importing, "--trust-pickles"), 150),
        Kind("metrics.json: summary", "results/tiny/evaluation/metrics.json", json_files(evaluation), ("summary", run), 200),
        Kind("metrics.json: compare", "results/tiny/evaluation/metrics.json", json_files(evaluation), ("compare", run, run), 100),
        of_file("labels (HDF5): inspect", f"results/tiny/{SEEDS}", ("inspect", f"{run}/{SEEDS}"), 150),
        of_file("labels (HDF5): export", f"results/tiny/{SEEDS}", ("export", f"{run}/{SEEDS}", *exporting), 150),
        of_file("predictions (HDF5): export", f"results/tiny/{PREDICTED}", ("export", f"{run}/{PREDICTED}", *exporting), 100),
        of_file("index (HDF5): export", "results/tiny/index.h5", ("export", f"{run}/{SEEDS}", *exporting), 150),
        of_file("weights (.pth)", "weights.pth", ("convert_weights", f"{INPUTS}/weights.pth", "--output", f"{OUTPUT}/w.pth"), 100),
        of_file("weights (.params)", "weights.params", ("convert_weights", f"{INPUTS}/weights.params", "--output", f"{OUTPUT}/w.pth"), 100),
    ]  # fmt: skip


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
    contents: list[Any] = [
        *({}, {0: 1.0}, {0: np.zeros(3)}, {0: np.zeros((0, 4))}, {"a": 1}, {0: "text"}, {0: np.array(["a"])}, {-1: np.ones((2, 2))}),
        *({10**30: np.ones((2, 2))}, {0: np.full((2, 2), np.nan)}, {"keys": [0], "cam": np.ones((2, 3, 3))}, {"keys": "a", "cam": 3}),
        *({"keys": [[0.5]], "cam": np.ones((1, 3, 3))}, {"keys": None, "high_res": None}, {0: np.ones((2, 2)), 1: np.ones((3, 3)), 2: 1}),
        *([1, 2], None, "text", 3.0, _Exit(), {0: _Exit()}, _Raise()),
    ]  # fmt: skip
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
