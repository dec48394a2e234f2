"""The artifacts that a config leads to, and the variant that owns each shared one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace

from wsss.config import Config, Settings
from wsss.config.base import MAX_NAME
from wsss.errors import InputError
from wsss.pipeline.artifact import SPLITS, WILDCARDS, Artifact
from wsss.pipeline.inputs import in_branch, inputs_of
from wsss.pipeline.names import (
    LABEL_STAGES,
    MODEL_STAGES,
    method_order,
    product_of,
    resolved,
)
from wsss.pipeline.paths import IMPORTED, path_of, pattern_of, record_of
from wsss.pipeline.stages import STAGES

UNNAMED_VARIANT = "base"
"""Folder of the single variant of a run that has several seeds but no `variants`."""
RESERVED = {"logs", "benchmarks", "report", IMPORTED}
"""Folders of a run beside those of its variants."""


class Plan:
    """Everything about a run that follows from its config alone, without reading any other file.

    Two variants share an artifact if the settings of its stage, and of every stage above it, are equal. The earlier
    variant owns it, and it is built once.

    Args:
        config: A checked config whose `run` is set.

    Raises:
        InputError: If a variant's override is not a valid setting, or a name cannot be part of a path.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.run = config.run
        self.root = f"results/{config.run}"
        self.seeds = config.seeds
        self.plain = not config.variants and len(config.seeds) == 1
        self.variants = tuple(config.variants) or (("",) if self.plain else (UNNAMED_VARIANT,))
        self._configs = {name: config.for_variant(name if config.variants else "") for name in self.variants}
        self._lineages: dict[Artifact, str] = {}
        self._owners: dict[Artifact, Artifact] = {}
        self._check_names()
        # all seeds of a variant have the same artifacts, so they are kept once, with seed 0
        self._members = {name: dict.fromkeys(self._needed(name)) for name in self.variants}

    # -- paths and settings --------------------------------------------------------------------------------------------

    def path(self, artifact: Artifact) -> str:
        """Return the path of an artifact, from the working directory."""
        return f"{self.root}/{path_of(artifact, plain=self.plain)}"

    def pattern(self, stage: str) -> str:
        """Return the paths of all artifacts of a stage, with wildcards."""
        return f"{self.root}/{pattern_of(stage, plain=self.plain)}"

    def record(self, folder: str, stage: str, suffix: str) -> str:
        """Return the path, with wildcards, of a stage's logs or benchmarks."""
        return f"{self.root}/{folder}/{record_of(stage, plain=self.plain)}.{suffix}"

    def settings(self, artifact: Artifact) -> Settings:
        """Return the settings that an artifact depends on: its stage's, narrowed by the artifact's wildcards."""
        stage = STAGES[artifact.stage]
        settings = self._config(artifact).stage(artifact.stage)
        return settings if stage.narrow is None else stage.narrow(settings, artifact)

    def wildcards(self) -> dict[str, str]:
        """Return the values that each wildcard in a path may take, as regular expressions."""
        found: dict[str, list[str]] = {"variant": [*self.variants], "seed": [str(seed) for seed in self.seeds]}
        artifacts = [artifact for members in self._members.values() for artifact in members]
        for name in WILDCARDS:
            of_this = [artifact for artifact in artifacts if name in STAGES[artifact.stage].wildcards]
            found[name] = [str(getattr(artifact, name)) for artifact in of_this]
        # a user may ask for predictions of any model and split, also of those that are not evaluated
        found["model"] = [product_of(artifact) for artifact in artifacts if artifact.stage in MODEL_STAGES]
        found["split"] = list(SPLITS)
        return {name: "|".join(map(re.escape, dict.fromkeys(values))) or "(?!)" for name, values in found.items()}

    # -- artifacts -----------------------------------------------------------------------------------------------------

    def wanted(self, stage: str, variant: str | None = None, seed: int | None = None) -> list[Artifact]:
        """List the artifacts of a stage that the config leads to, each once, as its owner has it.

        Args:
            stage: The stage.
            variant: Only what this variant uses.
            seed: Only what this seed uses.
        """
        variants = self.variants if variant is None else (variant,)
        seeds = self.seeds if seed is None else (seed,)
        found = (self.owner(artifact) for v in variants for s in seeds for artifact in self._of_branch(stage, v, s))
        return list(dict.fromkeys(found))

    def used(self, kind: str, variant: str, seed: int) -> dict[str, Artifact]:
        """Return the artifacts of a kind that a branch uses, own or shared, by name, in the order of the pipeline.

        Args:
            kind: `saliency`, `cams`, `labels` (by the names of the label sets) or `predictions`
                (`val/segmenter_seeds--single`).
            variant: Variant of the branch.
            seed: Seed of the branch.
        """
        if kind == "labels":
            made = [item for stage in LABEL_STAGES for item in self.wanted(stage, variant, seed)]
            return {product_of(item): item for item in made}
        if kind == "predictions":
            found = self._of_branch("predict", variant, seed)
            return {f"{item.split}/{item.model}--{item.protocol}": self.owner(item) for item in found}
        return dict(zip([kind], self.wanted(kind, variant, seed), strict=False))

    def inputs(self, artifact: Artifact) -> dict[str, Artifact]:
        """Return the artifacts that an artifact is made from, by the names of the inputs, as their owners have them."""
        return {name: self.owner(upstream) for name, upstream in self._upstream(artifact).items()}

    def owner(self, artifact: Artifact) -> Artifact:
        """Return the artifact of the earliest variant that has the same one."""
        # every job of Snakemake asks for its inputs several times
        if artifact not in self._owners:
            self._owners[artifact] = self._find_owner(artifact)
        return self._owners[artifact]

    def _find_owner(self, artifact: Artifact) -> Artifact:
        stage = STAGES[artifact.stage]
        if stage.per != "settings":
            return artifact
        lineage = self._lineage(artifact)
        for variant in self.variants:
            candidate = replace(artifact, variant=variant)
            # every variant can have an artifact that its config need not ask for by name
            has = not stage.asked_by_name or replace(candidate, seed=0) in self._members[variant]
            if has and self._lineage(candidate) == lineage:
                return candidate
        return artifact

    # -- how it follows from the config --------------------------------------------------------------------------------

    def _needed(self, variant: str) -> Iterator[Artifact]:
        """Yield the artifacts that a variant's config needs, each after its own inputs; all with seed 0."""
        seen: set[Artifact] = set()

        def with_inputs(artifact: Artifact) -> Iterator[Artifact]:
            if artifact in seen:
                return
            seen.add(artifact)
            for upstream in self._upstream(artifact).values():
                yield from with_inputs(upstream)
            yield artifact

        for stage in STAGES:
            for artifact in self._asked(stage, variant):
                yield from with_inputs(artifact)

    def _asked(self, stage: str, variant: str, *, predicted: bool = False) -> list[Artifact]:
        """List the artifacts of a stage that a variant's config asks for by name.

        With `predicted`: those of them that are to predict.
        """
        config, entry = self._configs[variant], STAGES[stage]
        if predicted and entry.predicted is not None:
            asked = entry.predicted(config)
        elif entry.asked is not None:
            asked = entry.asked(config, () if predicted else self._predicted(variant))
        else:
            asked = ()
        found = []
        for values in asked:
            named = {"label_set": resolved(values["label_set"], config)} if "label_set" in values else {}
            found.append(in_branch(Artifact(stage, variant, **{**values, **named})))
        return list(dict.fromkeys(found))

    def _predicted(self, variant: str) -> list[str]:
        """List the models that a variant predicts with: a method's own network before those trained on its labels."""
        found = [artifact for stage in MODEL_STAGES for artifact in self._asked(stage, variant, predicted=True)]
        return [product_of(item) for item in sorted(found, key=_place_of_model)]

    def _of_branch(self, stage: str, variant: str, seed: int) -> Iterator[Artifact]:
        """Yield the artifacts of a stage that one variant and seed use, in the variant's own name."""
        for artifact in self._members[variant]:
            if artifact.stage == stage:
                yield artifact if STAGES[stage].per == "run" else replace(artifact, seed=seed)

    def _config(self, artifact: Artifact) -> Config:
        return self._configs.get(artifact.variant, self.config)

    def _upstream(self, artifact: Artifact) -> dict[str, Artifact]:
        """Return the artifacts that an artifact is made from, by the name of the input, in its own variant."""
        return inputs_of(artifact, self.settings(artifact))

    def _lineage(self, artifact: Artifact) -> str:
        """Digest everything that an artifact depends on; artifacts with equal digests are the same."""
        if artifact not in self._lineages:
            above = {name: self._lineage(upstream) for name, upstream in self._upstream(artifact).items()}
            own = [getattr(artifact, field.name) for field in fields(artifact) if field.name != "variant"]
            text = json.dumps([own, self.settings(artifact).canonical_json(), above], sort_keys=True)
            self._lineages[artifact] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return self._lineages[artifact]

    def _check_names(self) -> None:
        """Refuse names of variants and protocols that would break the paths they stand in."""
        for name in RESERVED & set(self.config.variants):
            raise InputError(f"`variants.{name}`: the run has a folder of this name; choose another")
        for config in self._configs.values():
            for name in config.predict.protocols:
                if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name) or "--" in name:
                    allowed = "letters, digits and single `_`, `-`, `+`, `.`"
                    raise InputError(f"`predict.protocols.{name[:40]}`: a protocol's name may hold only {allowed}")
                if len(name) > MAX_NAME:
                    raise InputError(
                        f"`predict.protocols.{name[:40]}...`: a protocol's name has {MAX_NAME} letters at most, got "
                        f"{len(name)}"
                    )


def _place_of_model(artifact: Artifact) -> tuple[int, bool]:
    name = product_of(artifact)
    return method_order(name), bool(artifact.label_set)
