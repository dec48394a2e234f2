"""What a row says of AA&LR: its network, its labels, the masks that it learned from, and what a step cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsss.cli.study.training import last_epoch, training_part
from wsss.plan import Artifact, Plan
from wsss.plan.artifacts import AALR
from wsss.report.evaluations import Evaluation, Record

SECONDS = {
    "joint_step": "joint_seconds",
    "extra_cams": "extra_cam_seconds",
    "mask_wait": "mask_wait_seconds",
}
"""Name in a row -> name of the sum in the times of a training."""


def aalr_part(plan: Plan, variant: str, seed: int, evaluation: Evaluation) -> dict[str, Any]:
    """The figures of a branch's network under `aalr`, with the settings behind them; empty without such a network.

    `network` (on `val`, where there is one) and `labels` (on `train`) are what `evaluate` found; `masks` is the last
    line of the training's `epochs.csv`; `seconds` are means over the steps of the joint phase.

    Raises:
        InputError: If something that the training left is missing or damaged.
    """
    found = [item for item in evaluation.of_kind("predictions") if item.get("model") == AALR]
    if not found:
        return {}
    network = min(found, key=lambda item: item["split"] != "val")
    part = {"network": _judged(network), "iou_per_class": network["classes"]["iou"]}
    labels = next((item for item in evaluation.of_kind("labels") if item["name"] == AALR), None)
    if labels is not None:
        part |= {"labels": _judged(labels), "label_settings": labels["settings"]}
    checkpoint = Path(plan.path(plan.owner(Artifact("train_aalr", variant, seed))))
    part |= training_part(checkpoint, "train_aalr")
    part["masks"] = last_epoch(checkpoint)
    part["seconds"] = _seconds(part["training"].get("parts", {}))
    return {"aalr": part}


def _judged(record: Record) -> dict[str, Any]:
    return {**record["metrics"], "protocol": record["protocol"]}


def _seconds(parts: Mapping[str, float]) -> dict[str, float]:
    """Seconds of a joint step, and those of its parts."""
    steps = parts.get("joint_steps", 0)
    return {name: round(parts.get(key, 0.0) / steps, 4) for name, key in SECONDS.items()} if steps else {}
