"""Kinds of inputs that the program made: artifacts, metrics, checkpoints, rows; and networks of others."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from hypothesis.strategies import SearchStrategy, one_of, sampled_from

from tests.campaign.grammars import damaged, json_files
from tests.campaign.kind import INPUTS, OUTPUT, Command, Kind
from tests.campaign.odd import checkpoints, pictures
from tests.campaign.tree import BACKBONE, ids_of
from tests.viewer.tiny import PREDICTED, SEEDS

RUN = f"{INPUTS}/results/tiny"
METRICS, LABELS, PREDICTIONS = (f"results/tiny/{name}" for name in ("evaluation/metrics.json", SEEDS, PREDICTED))
INDEX, CAMS, SALIENCY = (f"results/tiny/{name}.h5" for name in ("index", "cams", "saliency"))
OF_INDEX = ("--index", f"{INPUTS}/{INDEX}", "--output")
VERIFIED, PER_IMAGE = "results/network/segmenter/model.ckpt", "results/tiny/evaluation/per_image.csv"
CPU = ("--device", "cpu")


def of_results(root: Path) -> list[Kind]:
    """Metrics and artifacts of a run, read by the commands that show and export them."""
    metrics = json_files(json.loads((root / METRICS).read_text()))
    export = (*OF_INDEX, f"{OUTPUT}/export", "--photographs", "none")
    report = ("report", *OF_INDEX, f"{OUTPUT}/report.html", "--evaluation", f"{INPUTS}/{METRICS}")
    picture = ("picture", RUN, "--output", f"{OUTPUT}/run.jpg")

    def changed_file(name: str, file: str, share: int, *command: str) -> Kind:
        # an export keeps the pictures before a damaged one, and the same command goes on from them
        keeps = command[0] == "export"
        return Kind(name, file, damaged((root / file).read_bytes()), command, share, keeps=keeps)

    return [
        Kind("metrics.json: summary", METRICS, metrics, ("summary", RUN), 200),
        Kind("metrics.json: compare", METRICS, metrics, ("compare", RUN, RUN), 100),
        Kind("metrics.json: report", METRICS, metrics, report, 100),
        changed_file("per_image.csv: report", PER_IMAGE, 60, *report),
        Kind("metrics.json: verify", METRICS, metrics, ("verify", RUN), 50),
        changed_file("labels (HDF5): inspect", LABELS, 150, "inspect", f"{INPUTS}/{LABELS}"),
        changed_file("labels (HDF5): export", LABELS, 150, "export", f"{INPUTS}/{LABELS}", *export),
        changed_file("labels (HDF5): report", LABELS, 60, *report),
        changed_file("labels (HDF5): picture", LABELS, 60, *picture),
        changed_file("labels (HDF5): verify", LABELS, 60, "verify", RUN),
        changed_file("predictions (HDF5): export", PREDICTIONS, 100, "export", f"{INPUTS}/{PREDICTIONS}", *export),
        changed_file("index (HDF5): export", INDEX, 150, "export", f"{INPUTS}/{LABELS}", *export),
    ]


def of_stages(root: Path) -> list[Kind]:
    """Artifacts, masks and photographs that a stage reads."""
    mask = f"photos/SegmentationClass/{ids_of(root, 'train')[0]}.png"
    maps = [f"--{name}={INPUTS}/{file}" for name, file in (("cams", CAMS), ("saliency", SALIENCY))]
    seeds = ("seed_labels", *OF_INDEX, f"{OUTPUT}/labels.h5", *maps)
    judged = ("--labels", f"seeds={INPUTS}/{LABELS}", "--predictions", f"val/x--single={INPUTS}/{PREDICTIONS}")
    evaluate = ("evaluate", *OF_INDEX, f"{OUTPUT}/metrics.json", *judged)
    predict = ("predict", f"{INPUTS}/model.ckpt", f"{INPUTS}/new", "--output", f"{OUTPUT}/predicted", *CPU)
    photograph, network = "new/deep/b.jpg", checkpoints((root / "model.ckpt").read_bytes())
    new = one_of(damaged((root / photograph).read_bytes()), sampled_from(pictures()))

    def content_of(file: str) -> SearchStrategy[bytes]:
        return damaged((root / file).read_bytes())

    return [
        Kind("index (HDF5): seed_labels", INDEX, content_of(INDEX), seeds, 100),
        Kind("CAMs (HDF5): seed_labels", CAMS, content_of(CAMS), seeds, 100),
        Kind("saliency (HDF5): seed_labels", SALIENCY, content_of(SALIENCY), seeds, 50),
        Kind("predictions (HDF5): evaluate", PREDICTIONS, content_of(PREDICTIONS), evaluate, 60),
        Kind("mask (PNG): evaluate", mask, one_of(content_of(mask), sampled_from(pictures())), evaluate, 40),
        Kind("photograph: predict", photograph, new, predict, 100, keeps=True),
        Kind("checkpoint: predict", "model.ckpt", network, predict, 200),
        *(
            Kind(f"{name}: predict", file, content_of(file), ("predict", f"{INPUTS}/{file}", *predict[2:]), 60)
            for name, file in (
                ("checkpoint (safetensors)", "model.safetensors"),
                ("exported network (ONNX)", "model.onnx"),
            )
        ),
        Kind("checkpoint: verify", VERIFIED, network, ("verify", f"{INPUTS}/results/network"), 60),
    ]


def of_networks(root: Path) -> list[Kind]:
    """Networks and weights of other programs; those of `rembg` only where it is installed."""
    settings = {"backbone": {**BACKBONE, "weights": f"{root}/test_resnet.pth"}, "max_steps": 1, "batch_size": 2}
    settings |= {"augmentation": {"crop_size": 32}, "epochs": 1}
    train = ("train_classifier", *OF_INDEX, f"{OUTPUT}/model.ckpt", *CPU, "--settings", json.dumps(settings))
    theirs = (root / "test_resnet.pth").read_bytes()
    rembg = json.dumps({"source": "rembg", "model": "u2netp", "weights": f"{root}/network.onnx"})
    saliency = ("saliency", *OF_INDEX, f"{OUTPUT}/saliency.h5", *CPU, "--settings", rembg)

    def convert(file: str) -> Command:
        return ("convert_weights", f"{INPUTS}/{file}", "--output", f"{OUTPUT}/weights.pth")

    found = [
        Kind("weights (.pth)", "weights.pth", damaged((root / "weights.pth").read_bytes()), convert("weights.pth")),
        Kind(
            "weights (.params)",
            "weights.params",
            damaged((root / "weights.params").read_bytes()),
            convert("weights.params"),
        ),
        Kind("weights: train_classifier", "test_resnet.pth", checkpoints(theirs), train, 60),
    ]
    if HAS_REMBG:
        network = "network.onnx"
        found.append(Kind(ONNX, network, damaged((root / network).read_bytes()), saliency, 60))
    return found


ONNX = "network (ONNX): saliency"
HAS_REMBG = all(importlib.util.find_spec(name) is not None for name in ("rembg", "onnxruntime"))


def of_studies(root: Path) -> list[Kind]:
    """Whatever a study reads."""
    branch = "results/ladder/both/seed0"
    study = ("study", f"{INPUTS}/ladder.yaml", "--output", f"{OUTPUT}/study")
    row = json_files(json.loads((root / "row.json").read_text()))
    config = (root / "ladder.yaml").read_bytes()
    checkpoint, epochs = f"{branch}/aalr/model.ckpt", f"{branch}/aalr/epochs.csv"
    trained, judged = f"{branch}/aalr/metrics.json", f"{branch}/evaluation/metrics.json"
    network = checkpoints((root / checkpoint).read_bytes())
    return [
        Kind("config: study", "ladder.yaml", damaged(config), study, 60),
        Kind("row (JSON): study", "row.json", row, study, 100, linked="study/both-seed0-0.json"),
        Kind("metrics.json: study", judged, json_files(json.loads((root / judged).read_text())), study, 60),
        Kind("training's metrics: study", trained, json_files(json.loads((root / trained).read_text())), study, 60),
        Kind("epochs.csv: study", epochs, damaged((root / epochs).read_bytes()), study, 60),
        Kind("checkpoint: study", checkpoint, network, study, 60),
    ]
