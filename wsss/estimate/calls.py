"""Call the stages of a run on a sample, as its rules call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from wsss.context import RunContext
from wsss.estimate.counts import Counts
from wsss.estimate.jobs import Job
from wsss.estimate.sample import Level, Sample, sample_settings
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan


@dataclass(frozen=True)
class Workplace:
    """Where the stages work on the sample.

    Attributes:
        folder: For all that they write.
        plan: Of the run.
        stands_for: The artifact that is measured, for each of the run.
        sample: What they work on.
        counts: Of the real data.
        level: How much of the work is done.
        context: The machine's resources.
        device: `cpu` or `cuda`.
    """

    folder: Path
    plan: Plan
    stands_for: Mapping[Artifact, Artifact]
    sample: Sample
    counts: Counts
    level: Level
    context: RunContext
    device: str

    def path(self, artifact: Artifact) -> Path:
        """Return the path of an artifact's stand-in."""
        return self.folder / self.plan.path(self.stands_for[artifact])

    def missing(self, job: Job) -> list[Artifact]:
        """List the artifacts that a job reads and that are not there."""
        return [item for item in self._read(job).values() if not self.path(item).exists()]

    def run(self, job: Job) -> None:
        """Call the function of a job's stage."""
        stage, artifact = job.artifact.stage, job.artifact
        settings: Any = sample_settings(job.settings, self.sample, self.counts, self.level, self.device)
        arguments: dict[str, Any] = {item.name: None for item in STAGES[stage].inputs}
        arguments |= {name: self.path(item) for name, item in self.plan.inputs(artifact).items()}
        if stage == "index":
            settings = self.sample.data(self.counts, self.level)
        elif stage == "predict":
            arguments |= {"split": artifact.split, "protocol_name": artifact.protocol}
        elif stage == "evaluate":
            arguments |= self._judged(artifact)
        elif stage == "report":
            arguments |= {"index": self.path(Artifact("index"))}
            arguments |= {"evaluations": self._evaluations(), **self._saliency()}
        output = self.path(artifact)
        output.parent.mkdir(parents=True, exist_ok=True)
        function = getattr(import_module(f"wsss.stages.{stage}"), stage)
        function(settings, **arguments, output=output, context=self.context)

    def _read(self, job: Job) -> dict[str, Artifact]:
        """Return the artifacts that a job cannot do without."""
        if job.artifact.stage == "report":
            return {str(item): item for item in self.plan.wanted("evaluate")}
        return self.plan.inputs(job.artifact)

    def _judged(self, artifact: Artifact) -> dict[str, Any]:
        """Return all that a branch's evaluation reads, as far as it is there, under the names of the run."""
        used = {
            kind: {
                name: self.path(item)
                for name, item in self.plan.used(kind, artifact.variant, artifact.seed).items()
                if self.path(item).exists()
            }
            for kind in ("saliency", "cams", "labels", "predictions")
        }
        single = {kind: next(iter(used[kind].values()), None) for kind in ("saliency", "cams")}
        index = {"index": self.path(Artifact("index"))}
        return {**index, **single, "labels": used["labels"], "predictions": used["predictions"]}

    def _evaluations(self) -> list[Path]:
        return list(dict.fromkeys(self.path(item) for item in self.plan.wanted("evaluate")))

    def _saliency(self) -> dict[str, Path]:
        paths = [self.path(item) for item in self.plan.wanted("saliency")]
        return {"saliency": paths[0]} if paths and paths[0].exists() else {}
