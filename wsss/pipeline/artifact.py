"""One artifact of a run: its stage, its branch, and the wildcards that tell it from others of the stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

SPLITS = ("train", "val")
"""The splits of a data set."""
CHOICE = ".choice.json"
"""Suffix, in place of an artifact's, of the file beside it that keeps what its stage chose for itself."""
BRANCH = "{variant}/seed{seed}/"
"""Replaces `{branch}` in a stage's path, in a run of several variants or seeds; a plain run has no such folders."""


@dataclass(frozen=True)
class Artifact:
    """One artifact, named by its stage, its branch and its wildcards.

    Attributes:
        stage: The stage that writes it.
        variant: Name of the variant; empty for stages that exist once per run.
        seed: Seed of the branch; 0 for stages that exist once per run.
        label_set: Label set that trains a segmenter, or that further labels are made from.
        model: Name of the network that predicts.
        split: Split that is predicted.
        protocol: Name of the protocol of a prediction.
        round: Round of a method that trains in rounds. A network is trained in it; labels are made for it.
    """

    stage: str
    variant: str = ""
    seed: int = 0
    label_set: str = ""
    model: str = ""
    split: str = ""
    protocol: str = ""
    round: int = 0

    def beside(self, stage: str, **wildcards: str | int) -> Artifact:
        """Return the artifact of another stage in the same variant and seed."""
        return Artifact(stage, self.variant, self.seed, **wildcards)  # type: ignore[arg-type]

    @property
    def branch(self) -> str:
        """Variant and seed as the folder that holds them; empty where no variant is named."""
        return f"{self.variant}/seed{self.seed}" if self.variant else ""


WILDCARDS = tuple(field.name for field in fields(Artifact) if field.name not in ("stage", "variant", "seed"))
"""Wildcards that may tell the artifacts of one stage and branch apart."""


def typed(values: Mapping[str, str | None]) -> dict[str, Any]:
    """Turn wildcards, as text of a path or name, into fields of an artifact; absent ones are left out."""
    return {name: int(value) if name in ("seed", "round") else value for name, value in values.items() if value}
