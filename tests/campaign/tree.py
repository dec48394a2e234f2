"""The inputs of the campaign: what users have, all of it valid."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import yaml
from PIL import Image

from tests.cli.study.aalr_run import judge, make_aalr_run, write_config, write_training
from tests.coco import make_coco
from tests.exchange.hub_tables import rows_of, write_parquet, write_saved
from tests.helpers import CLASSES, make_folder
from tests.stages.onnx_file import write_brightness_network, write_uniform_network
from tests.viewer.tiny import SEEDS, make_results
from wsss.cli.study import collect_rows
from wsss.models import Segmenter
from wsss.store import ArtifactReader
from wsss.training.checkpoint import build_model, load_weights, payload_of, save_model
from wsss.training.safetensors_file import safetensors_bytes

BACKBONE = {"name": "test_resnet", "weights": "none", "output_stride": 16}
SETTINGS = {"backbone": BACKBONE, "head_channels": 8, "atrous_rates": [2], "dropout": 0.0}


def make_inputs(root: Path) -> None:
    """A run with its photographs, a folder of photographs, and small files of the other kinds."""
    make_results(root)
    make_folder(root / "folder", train=4, val=2)
    make_coco(root / "coco", train=3, val=2)
    _write_tables(root / "folder")
    (root / "config.yaml").write_text(yaml.safe_dump(config_of(root)))
    (root / "settings.yaml").write_text(
        yaml.safe_dump({"root": str(root / "folder"), "name": "folder", "masks": "masks"})
    )
    (root / "cams").mkdir()
    for name in ids_of(root, "train"):
        present = {value: np.ones((6, 8), np.float32) for value in range(len(CLASSES))}
        np.save(root / "cams" / f"{name}.npy", np.array(present, dtype=object), allow_pickle=True)
    (root / "maps").mkdir()
    with ArtifactReader(root / "results/tiny" / SEEDS) as labels:
        for name in labels.ids("segmentation"):
            Image.fromarray(labels.read("segmentation", name)).save(root / "maps" / f"{name}.png")
    torch.save({"conv1a.weight": torch.zeros(2, 3), "b2.conv_branch1.weight": torch.zeros(1)}, root / "weights.pth")
    (root / "weights.params").write_bytes(_params())
    torch.save(timm.create_model("test_resnet").state_dict(), root / "test_resnet.pth")
    write_brightness_network(root / "network.onnx", side=320)
    _make_predictable(root)
    _make_study(root)
    if importlib.util.find_spec("pyarrow"):
        _make_hub_tables(root)


def _make_hub_tables(root: Path) -> None:
    """Tables of photographs, of both kinds."""
    rows = rows_of(root / "of files")["train"]
    write_parquet(root / "hub.parquet", rows)
    write_saved(root / "saved", rows)
    (root / "saved/data-00000-of-00001.arrow").rename(root / "hub.arrow")
    for folder in ("of files", "saved"):
        shutil.rmtree(root / folder)


def _write_tables(folder: Path) -> None:
    """The folder's labels with a column for each class and as JSON lines; VOC's as its published table."""
    rows = [line.split(",") for line in (folder / "labels.csv").read_text().splitlines()[1:]]
    bits = [[name, *(str(int(label in names.split(";"))) for label in CLASSES), split] for name, names, split in rows]
    (folder / "columns.csv").write_text("\n".join(",".join(line) for line in [["image", *CLASSES, "split"], *bits]))
    given = [{"image": name, "label": names.split(";"), "split": split} for name, names, split in rows]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, given)))
    by_id = {f"2007_{number:06d}": np.array([1, 0, 1], np.float32) for number in range(12)}
    np.save(folder.parent / "photos/cls_labels.npy", np.array(by_id, dtype=object), allow_pickle=True)


def _make_predictable(root: Path) -> None:
    """A segmentation network, and new photographs."""
    names = ("background", *CLASSES)
    model = build_model(Segmenter, SETTINGS, len(CLASSES), seed=3)
    about = {"stage": "train_segmenter", "model_settings": SETTINGS, "class_names": names}
    save_model(root / "model.ckpt", model=model, attributes={}, metrics={}, **about)
    (root / "model.safetensors").write_bytes(safetensors_bytes(payload_of(*load_weights(root / "model.ckpt")[::-1])))
    write_uniform_network(root / "model.onnx", names)
    whole = root / "results/network/segmenter/model.ckpt"
    whole.parent.mkdir(parents=True)
    whole.write_bytes((root / "model.ckpt").read_bytes())
    (root / "new/deep").mkdir(parents=True)
    for place, name in zip(("a", "deep/b"), ids_of(root, "val"), strict=False):
        (root / f"new/{place}.jpg").write_bytes((root / f"photos/JPEGImages/{name}.jpg").read_bytes())


def _make_study(root: Path) -> None:
    """A run of AA&LR below `results/ladder`, the config of a study of it, and a row of that study."""
    with contextlib.chdir(root):
        run = make_aalr_run(Path("made"))
        write_config(Path("ladder.yaml"), {"both": {}}, ["aalr"])
        write_training(run, Path("results/ladder/both/seed0/aalr/model.ckpt"))
        judge(run, "both")
        written, _ = collect_rows([Path("ladder.yaml")], Path("rows"))
        written[0].rename("row.json")


def ids_of(root: Path, split: str) -> list[str]:
    return (root / f"photos/ImageSets/Segmentation/{split}.txt").read_text().split()


def config_of(root: Path) -> dict[str, Any]:
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
