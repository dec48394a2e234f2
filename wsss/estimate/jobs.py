"""Group the artifacts of a run by what they cost: one of each group is measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wsss.config import Settings, Training
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan


@dataclass(frozen=True)
class Job:
    """Artifacts that cost the same.

    Attributes:
        artifact: The one that is measured.
        count: How many there are.
        settings: Of the stage.
    """

    artifact: Artifact
    count: int
    settings: Settings

    @property
    def name(self) -> str:
        """Its name for people: the stage, and what tells it from others of the stage."""
        told = (self.artifact.variant, self.artifact.model, self.artifact.split, self.artifact.protocol)
        return " ".join([self.artifact.stage, *(word for word in told if word)])

    @property
    def training(self) -> Training | None:
        """The settings, if it trains a network."""
        return self.settings if isinstance(self.settings, Training) else None


def jobs_of(plan: Plan) -> tuple[list[Job], dict[Artifact, Artifact]]:
    """List the jobs of a run in the order of the pipeline.

    Returns:
        The jobs; and for each artifact of the run the one that stands for it.
    """
    groups: dict[str, list[Artifact]] = {}
    for artifact in (artifact for stage in STAGES for artifact in plan.wanted(stage)):
        groups.setdefault(_cost(plan, artifact), []).append(artifact)
    jobs = [Job(members[0], len(members), plan.settings(members[0])) for members in groups.values()]
    return jobs, {artifact: members[0] for members in groups.values() for artifact in members}


def _cost(plan: Plan, artifact: Artifact) -> str:
    """Name what the cost of an artifact depends on: equal names, equal costs."""
    parts: list[Any] = [artifact.stage, artifact.split, _values(plan.settings(artifact))]
    if not isinstance(plan.settings(artifact), Training):
        networks = [item for item in plan.inputs(artifact).values() if STAGES[item.stage].network]
        parts += [[item.stage, _values(plan.settings(item))] for item in networks]
    return json.dumps(parts, sort_keys=True)


def _values(settings: Settings) -> dict[str, Any]:
    """Return the settings without the names of labels, which cost nothing."""
    return settings.model_dump(mode="json", exclude={"label_sets"})
