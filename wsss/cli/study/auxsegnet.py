"""AuxSegNet's part of a row: its rounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsss.cli.study.table import FigureColumn, Table
from wsss.cli.study.training import last_epoch, training_part
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan
from wsss.report.auxsegnet import NETWORK, Round, rounds_of
from wsss.report.evaluations import Evaluation


def part(plan: Plan, variant: str, seed: int, evaluation: Evaluation) -> dict[str, Any]:
    """Return the rounds of a branch, each figure with its settings; empty without a network of AuxSegNet."""
    rounds = [_round(item, plan, variant, seed) for item in rounds_of(evaluation)]
    if not rounds:
        return {}
    # a run of several seeds without variants has a variant's folder, but no overrides
    config = plan.config.for_variant(variant if variant in plan.config.variants else "")
    return {"auxsegnet": config.stage("auxsegnet").model_dump(mode="json"), "rounds": rounds}


def _round(item: Round, plan: Plan, variant: str, seed: int) -> dict[str, Any]:
    row: dict[str, Any] = {"round": item.number}
    for key, record in (
        ("labels", item.labels),
        ("saliency_labels", item.saliency),
        ("network", item.network),
        ("segmenter", item.segmenter),
    ):
        if record is not None:
            row[key] = {**record["metrics"], "protocol": record["protocol"]}
    if item.labels is not None:
        row["label_settings"] = item.labels["settings"]
    if item.network is not None:
        row["iou_per_class"] = item.network["classes"]["iou"]
        checkpoint = plan.owner(Artifact(NETWORK, variant, seed, round=item.number))
        row |= training_part(Path(plan.path(checkpoint)), NETWORK)
        if reassigned := last_epoch(Path(plan.path(checkpoint))):
            row["last_epoch"] = reassigned
    return row


TABLE = Table(
    "AuxSegNet",
    "Labels and saliency labels are those that the round's network is trained on (the seeds in round 0). The segmenter "
    "is a network of its own, trained on the same labels alone.",
    "round",
    lambda row: {str(item["round"]): item for item in row.get("rounds", [])},
    (
        FigureColumn("labels: precision", ("labels", "precision")),
        FigureColumn("recall", ("labels", "class_recall")),
        FigureColumn("coverage", ("labels", "coverage")),
        FigureColumn("mIoU", ("labels", "miou")),
        FigureColumn("saliency labels: MAE", ("saliency_labels", "mae"), 1, 3),
        FigureColumn("best F", ("saliency_labels", "best_f_measure")),
        FigureColumn("network: val mIoU", ("network", "miou")),
        FigureColumn("segmenter: val mIoU", ("segmenter", "miou")),
        FigureColumn("training, min", ("training", "minutes"), 1),
    ),
)
