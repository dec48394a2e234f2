"""A run of AA&LR in which every figure of a row is known: what its stages leave, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.stages.evaluated import Run, artifact, make_run, true_mask, write_labels, write_prediction
from wsss.config import Evaluate
from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.context import RunContext
from wsss.files import write_csv, write_json
from wsss.models import AALR
from wsss.stages.evaluate import evaluate
from wsss.training.checkpoint import build_model, save_model

BACKBONE = {"name": "test_resnet", "weights": "none", "output_stride": 32}
SETTINGS: dict[str, Any] = {"backbone": BACKBONE, "network": {"channels": 4}, "measure_masks": True}
EPOCHS = [
    {"epoch": 3.0, "step": 6, "mask_coverage": 0.5, "reassigned": 0.3, "reassigned cat": 0.3, "mask_miou": 0.2},
    {"epoch": 4.0, "step": 8, "mask_coverage": 0.625, "reassigned": 0.07, "reassigned cat": None, "mask_miou": 0.3125},
]
PARTS = {
    "classification_steps": 4,
    "classification_seconds": 2.0,
    "joint_steps": 4,
    "joint_seconds": 8.0,
    "extra_cam_seconds": 2.0,
    "mask_wait_seconds": 1.0,
}


def write_training(run: Run, checkpoint: Path, *, epochs: list[dict[str, Any]] = EPOCHS, **changes: Any) -> None:
    """What `train_aalr` leaves."""
    settings = TrainAalr.parse({**SETTINGS, **changes})
    model_settings = {"backbone": settings.backbone.model_dump(mode="json"), **settings.network.model_dump(mode="json")}
    checkpoint.parent.mkdir(parents=True)
    save_model(
        checkpoint,
        stage="train_aalr",
        model=build_model(AALR, model_settings, len(run.dataset.class_names) - 1),
        model_settings=model_settings,
        class_names=run.dataset.class_names,
        attributes={"settings": settings.canonical_json(), "git_commit": "c0ffee"},
        metrics={"steps": 8, "final_loss": 1.5},
    )
    machine = {"device": "cpu", "training_seconds": 90.0, "parts": PARTS}
    write_json(checkpoint.with_name("metrics.json"), {"stage": "train_aalr", "machine": machine})
    write_csv(checkpoint.with_name("epochs.csv"), epochs)


def write_config(path: Path, variants: dict[str, Any], methods: list[str]) -> None:
    sections = {"data": {"name": "demo"}, "methods": methods, "train_aalr": SETTINGS, "variants": variants}
    rounds = {"rounds": 1, "last_labels": False}
    path.write_text(
        yaml.safe_dump({**sections, "auxsegnet": rounds, "train_segmenter": {"label_sets": []}}, sort_keys=False)
    )


def make_aalr_run(root: Path) -> Run:
    """Perfect labels, and a network that calls everything background."""
    made = make_run(root)
    perfect = {i: true_mask(made.dataset, i) for i in made.dataset.ids("train")}
    with artifact(made, "aalr_labels", "aalr_labels", AalrLabels(), split="train") as writer:
        for image_id, labels in perfect.items():
            writer.write("segmentation", image_id, labels)
    write_labels(made, "round0", perfect, saliency=255)
    for model in ("aalr", "auxsegnet_round0"):
        write_prediction(made, model, {i: true_mask(made.dataset, i) * 0 for i in made.dataset.ids("val")})
    return made


def judge(run: Run, variant: str, seed: int = 0, *, rounds: bool = False) -> None:
    """Evaluates a branch: AA&LR and, where asked for, a round of AuxSegNet."""
    labels, predictions = {"aalr": run.path("aalr_labels")}, {"val/aalr--single": run.path("aalr")}
    if rounds:
        labels = {"seeds": run.path("round0"), **labels}
        predictions = {"val/auxsegnet_round0--single": run.path("auxsegnet_round0"), **predictions}
    evaluate(
        Evaluate(sweep=False),
        index=run.path("index"),
        labels=labels,
        predictions=predictions,
        output=Path(f"results/ladder/{variant}/seed{seed}/evaluation/metrics.json"),
        context=RunContext(run="ladder", variant=variant, seed=seed),
    )
