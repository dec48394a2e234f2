"""The modules that a job starts from: its stage's own, and those of its table entry. Imports lead to the rest."""

from __future__ import annotations

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import MODEL_STAGES, model
from wsss.pipeline.stages import METHODS, STAGES

_MODEL, _PARTS = "{model}", "{parts}"
"""In `Stage.code`: the module of the network that predicts, and the modules of the parts of the report."""


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
    stand_for = {
        _MODEL: [STAGES[trained].network.partition(":")[0]] if trained else [],
        _PARTS: list(report_modules().values()),
    }
    return f"wsss.stages.{stage}", *(module for name in STAGES[stage].code for module in stand_for.get(name, [name]))


def report_modules() -> dict[str, str]:
    """List the modules with parts of the report, by the names of their methods and stages, methods first."""
    found = {name: method.report for name, method in METHODS.items()}
    found |= {name: stage.report for name, stage in STAGES.items()}
    return {name: module for name, module in found.items() if module}
