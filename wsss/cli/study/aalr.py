"""AA&LR's part of a row: its network, its labels, the masks that it learned from, and the time of a step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsss.cli.study.table import FigureColumn, Table
from wsss.cli.study.training import last_epoch, training_part
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan
from wsss.report.evaluations import Evaluation, Record

AALR = "aalr"
"""Name of its network and of its label set."""
SECONDS = {
    "joint_step": "joint_seconds",
    "extra_cams": "extra_cam_seconds",
    "mask_wait": "mask_wait_seconds",
}
"""Name in a row -> name of the sum in the times of a training."""


def part(plan: Plan, variant: str, seed: int, evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures of a branch's network under `aalr`, with its settings; empty without such a network.

    `network` (on `val` if there is one) and `labels` (on `train`) come from the evaluation. `masks` is the last line of
    the training's `epochs.csv`. `seconds` are means over the steps of the joint phase.

    Raises:
        InputError: If a file of the training is missing or damaged.
    """
    found = [item for item in evaluation.of_kind("predictions") if item.get("model") == AALR]
    if not found:
        return {}
    network = min(found, key=lambda item: item["split"] != "val")
    figures = {"network": _judged(network), "iou_per_class": network["classes"]["iou"]}
    labels = next((item for item in evaluation.of_kind("labels") if item["name"] == AALR), None)
    if labels is not None:
        figures |= {"labels": _judged(labels), "label_settings": labels["settings"]}
    checkpoint = Path(plan.path(plan.owner(Artifact("train_aalr", variant, seed))))
    figures |= training_part(checkpoint, "train_aalr")
    figures["masks"] = last_epoch(checkpoint)
    figures["seconds"] = _seconds(figures["training"].get("parts", {}))
    return {"aalr": figures}


def _judged(record: Record) -> dict[str, Any]:
    return {**record["metrics"], "protocol": record["protocol"]}


def _seconds(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of a joint step, and of its parts."""
    steps = parts.get("joint_steps", 0)
    return {name: round(parts.get(key, 0.0) / steps, 4) for name, key in SECONDS.items()} if steps else {}


TABLE = Table(
    "AA&LR",
    "Masks are those of the last epoch, made on the way and counted over its training crops; reassigned is the share "
    "of their labels that label reassignment changed. Extra CAMs (passes that make CAMs alone: at "
    "other scales, with a delay at scale 1 too) and waiting for masks are parts of a joint step.",
    "",
    lambda row: {"": row["aalr"]} if "aalr" in row else {},
    (
        FigureColumn("network: val mIoU", ("network", "miou")),
        FigureColumn("labels: precision", ("labels", "precision")),
        FigureColumn("recall", ("labels", "class_recall")),
        FigureColumn("coverage", ("labels", "coverage")),
        FigureColumn("mIoU", ("labels", "miou")),
        FigureColumn("masks: precision", ("masks", "mask_precision")),
        FigureColumn("coverage", ("masks", "mask_coverage")),
        FigureColumn("mIoU", ("masks", "mask_miou")),
        FigureColumn("reassigned", ("masks", "reassigned")),
        FigureColumn("joint step, s", ("seconds", "joint_step"), 1, 3),
        FigureColumn("extra CAMs, s", ("seconds", "extra_cams"), 1, 3),
        FigureColumn("waiting for masks, s", ("seconds", "mask_wait"), 1, 3),
        FigureColumn("training, min", ("training", "minutes"), 1),
    ),
)
