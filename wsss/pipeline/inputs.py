"""Find the artifacts that an artifact is made from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import LABEL_STAGES, MODEL_STAGES, label_set, model
from wsss.pipeline.stage import Input
from wsss.pipeline.stages import STAGES


def inputs_of(artifact: Artifact, settings: Any = None) -> dict[str, Artifact]:
    """Return the artifacts that an artifact is made from, by input, in its own variant and seed.

    Args:
        artifact: The artifact to make.
        settings: Settings of its stage; inputs that they do not use are left out. None keeps all inputs.
    """
    used = [
        item
        for item in STAGES[artifact.stage].inputs
        if settings is None or item.when is None or item.when(settings, artifact)
    ]
    found = {item.name: _source(item, artifact) for item in used}
    return {name: source for name, source in found.items() if source is not None}


def _source(item: Input, artifact: Artifact) -> Artifact | None:
    if callable(item.source):
        return item.source(artifact)
    if item.source in ("{label_set}", "{model}"):
        named = label_set(artifact.label_set) if item.source == "{label_set}" else model(artifact.model)
        # the true masks are not an artifact
        return None if named is None else replace(named, variant=artifact.variant, seed=artifact.seed)
    shared = {name: getattr(artifact, name) for name in STAGES[item.source].wildcards}
    return in_branch(artifact.beside(item.source, **shared))


def in_branch(artifact: Artifact) -> Artifact:
    """Return the artifact as its stage has it: without variant and seed if it exists once per run."""
    return Artifact(artifact.stage) if STAGES[artifact.stage].per == "run" else artifact


def makers_of(stage: str, name: str) -> tuple[str, ...]:
    """Return the stages that may have written an input of a stage; files of any other are refused."""
    item = next(item for item in STAGES[stage].inputs if item.name == name)
    if callable(item.source):
        # in the first round, an input may come from another stage
        return tuple(dict.fromkeys(item.source(Artifact(stage, round=number)).stage for number in (0, 1)))
    return {"{label_set}": LABEL_STAGES, "{model}": MODEL_STAGES}.get(item.source, (item.source,))
