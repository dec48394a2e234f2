"""Plans of small configs, and what they lead to."""

from __future__ import annotations

from typing import Any

from wsss.config import load_config
from wsss.plan import Plan


def plan(**sections: Any) -> Plan:
    return Plan(load_config({"run": "x", "data": {"name": "demo"}, **sections}))


def paths(found: Plan, stage: str, **branch: Any) -> list[str]:
    return [found.path(artifact).removeprefix("results/x/") for artifact in found.wanted(stage, **branch)]


ROUNDS: dict[str, Any] = {"methods": ["auxsegnet"], "auxsegnet": {"rounds": 2}}
LABELS_OF_ROUNDS = ["auxsegnet/round1/labels.h5", "auxsegnet/round2/labels.h5"]
