"""The demo is hard in the way it claims: CAMs find an object's distinctive part and leave its body to affinities."""

from __future__ import annotations

import json
from pathlib import Path

from wsss.config import load_config
from wsss.context import RunContext
from wsss.stages.cams import cams
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.stages.train_classifier import train_classifier

CONFIG = Path(__file__).parents[3] / "config.yaml"


def test_cam_seeds_are_right_where_they_are_and_reach_half_of_the_objects(tmp_path: Path) -> None:
    """With the demo's own settings, on a third of its images, after as many steps as fit into a test."""
    config = load_config(CONFIG)
    made = {name: tmp_path / f"{name}.h5" for name in ("index", "cams")}
    model = tmp_path / "classifier" / "model.ckpt"
    images = config.data.model_copy(update={"root": str(tmp_path / "demo"), "train_images": 80, "val_images": 8})
    training = config.train_classifier.model_copy(update={"epochs": 10, "validate_every": 0})
    context = RunContext(workers=1)
    index(images, output=made["index"], context=context)
    train_classifier(training, index=made["index"], output=model, context=context)
    cams(config.cams, index=made["index"], classifier=model, output=made["cams"], context=context)
    output = tmp_path / "evaluation" / "metrics.json"
    evaluate(config.evaluate, index=made["index"], cams=made["cams"], output=output, context=context)
    records = json.loads(output.read_text())["evaluations"]
    sweep = next(record["sweep"] for record in records if record["kind"] == "cams")
    half = next(point for point in sweep if point["foreground_recall"] <= 0.5)
    assert half["foreground_precision"] >= 0.7, half
    # nor can any threshold have both: what is missing has to come from somewhere else
    both = [p for p in sweep if p["foreground_recall"] >= 0.7 and (p["foreground_precision"] or 0) >= 0.7]
    assert not both, both
