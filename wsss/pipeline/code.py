"""The modules that a job starts from: its stage's own, and those of its table entry. Imports lead to the rest."""

from __future__ import annotations

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import MODEL_STAGES, model
from wsss.pipeline.stages import STAGES

_MODEL = "{model}"
"""In `Stage.code`, stands for the module of the network that predicts."""


def modules_of(artifact: Artifact) -> tuple[str, ...]:
    """Return the modules that a job starts from, for the digest of its code."""
    found = model(artifact.model)
    return _modules(artifact.stage, found.stage if found is not None else "")


def all_modules() -> dict[str, tuple[str, ...]]:
    """Return the same for every possible job, by stage; predictions also by the stage of their network."""
    jobs: dict[str, tuple[str, ...]] = {}
    for name, stage in STAGES.items():
        if _MODEL in stage.code:
            jobs |= {f"{name} {trained}": _modules(name, trained) for trained in MODEL_STAGES}
        else:
            jobs[name] = _modules(name, "")
    return jobs


def _modules(stage: str, trained: str) -> tuple[str, ...]:
    network = [STAGES[trained].network.partition(":")[0]] if trained else []
    added = (module for name in STAGES[stage].code for module in (network if name == _MODEL else [name]))
    return f"wsss.stages.{stage}", *added
