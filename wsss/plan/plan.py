"""The artifacts that a config leads to, and which variant owns what several have in common."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace

from wsss.config import Config, Protocol, Settings
from wsss.errors import InputError
from wsss.plan.artifacts import (
    AALR,
    BRANCH,
    ROUND_PREFIX,
    SEGMENTER_PREFIX,
    SHARED_BY_ALL,
    Artifact,
    base_labels,
    round_of,
)

UNNAMED_VARIANT = "base"
"""Folder of the only variant of a run that has several seeds and names no variant."""

RESERVED = {"logs", "benchmarks", "report"}
"""Folders of a run beside those of its variants."""

LABEL_STAGES = ("seed_labels", "update_labels", "aalr_labels", "segmenter_labels")
"""Stages that make label sets, in the order of the pipeline."""

CHOSEN_STAGES = (
    "train_auxsegnet",
    "update_labels",
    "train_aalr",
    "aalr_labels",
    "train_segmenter",
    "segmenter_labels",
    "predict",
)
"""Stages that a variant's config asks for by names in it; what every variant could build, every variant has."""


class Plan:
    """Everything about a run that follows from its config alone, without looking at any file.

    A stage of a variant whose settings, and those of every stage above it, equal those of an earlier variant is that
    variant's artifact: the earlier one owns it, and it is built once.

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
        self._check_names()

    def path(self, artifact: Artifact) -> str:
        """The path of an artifact, from the working directory."""
        return f"{self.root}/{artifact.path(plain=self.plain)}"

    def pattern(self, stage: str) -> str:
        """The paths of all artifacts of a stage, with wildcards."""
        return f"{self.root}/{Artifact(stage).pattern(plain=self.plain)}"

    def record(self, folder: str, stage: str, suffix: str) -> str:
        """The path, with wildcards, of what is noted about a stage's jobs: logs and benchmarks."""
        names = re.findall(r"{(\w+)}", Artifact(stage).pattern(plain=True))
        name = "-".join([stage, *(f"{{{wildcard}}}" for wildcard in names)])
        branch = "" if self.plain or stage in SHARED_BY_ALL else BRANCH
        return f"{self.root}/{folder}/{branch}{name}.{suffix}"

    def settings(self, artifact: Artifact) -> Settings:
        """The settings that an artifact depends on: its stage's, narrowed to what its wildcards choose."""
        settings = self._config(artifact).stage(artifact.stage)
        if artifact.stage == "train_segmenter":
            return settings.model_copy(update={"label_sets": (artifact.method,)})
        if artifact.stage == "predict":
            return self._protocol(artifact)
        return settings

    def inputs(self, artifact: Artifact) -> dict[str, Artifact]:
        """What an artifact is made of, by the name that its stage gives the input; each at its owner."""
        return {name: self.owner(upstream) for name, upstream in self._upstream(artifact).items()}

    def owner(self, artifact: Artifact) -> Artifact:
        """The artifact of the earliest variant that has the same one."""
        if artifact.stage in SHARED_BY_ALL or artifact.stage == "evaluate":
            return artifact
        lineage = self._lineage(artifact)
        for variant in self.variants:
            candidate = replace(artifact, variant=variant)
            if self._has(candidate) and self._lineage(candidate) == lineage:
                return candidate
        return artifact

    def wanted(self, stage: str, variant: str | None = None, seed: int | None = None) -> list[Artifact]:
        """The artifacts of a stage that the config leads to, each once and at its owner.

        Args:
            stage: The stage.
            variant: Only what this variant uses.
            seed: Only what this seed uses.
        """
        variants = self.variants if variant is None else (variant,)
        seeds = self.seeds if seed is None else (seed,)
        found = (self.owner(artifact) for v in variants for s in seeds for artifact in self._members(stage, v, s))
        return list(dict.fromkeys(found))

    def used(self, kind: str, variant: str, seed: int) -> dict[str, Artifact]:
        """The artifacts of a kind that a branch uses, its own or shared, by name, in the order of the pipeline.

        Args:
            kind: `saliency`, `cams`, `labels` (by the names of the label sets) or `predictions`
                (`val/segmenter_seeds--single`).
            variant: Of the branch.
            seed: Of the branch.
        """
        if kind == "labels":
            made = [item for stage in LABEL_STAGES for item in self.wanted(stage, variant, seed)]
            return {_label_set_of(item): item for item in made}
        if kind == "predictions":
            found = self._members("predict", variant, seed)
            return {f"{item.split}/{item.model}--{item.protocol}": self.owner(item) for item in found}
        return dict(zip([kind], self.wanted(kind, variant, seed), strict=False))

    def wildcards(self) -> dict[str, str]:
        """What each wildcard in a path may stand for, as regular expressions."""
        methods = [method for variant in self.variants for method in self.methods(variant)]
        protocols = [name for config in self._configs.values() for name in config.predict.protocols]
        rounds = max(map(self._rounds, self.variants))
        numbers = [str(number) for number in range(rounds + 1)] if rounds else []
        values = {
            "variant": self.variants,
            "seed": [str(seed) for seed in self.seeds],
            "round": numbers,
            "method": methods,
            "model": [f"{SEGMENTER_PREFIX}{m}" for m in methods]
            + [f"{ROUND_PREFIX}{number}" for number in numbers]
            + [AALR],
            "split": ("train", "val"),
            "protocol": protocols,
        }
        return {name: "|".join(map(re.escape, dict.fromkeys(found))) or "(?!)" for name, found in values.items()}

    def methods(self, variant: str) -> list[str]:
        """The label sets that segmenters of a variant are trained on, with those that they are made from."""
        found: list[str] = []
        for method in self._asked(variant):
            chain = [method]
            while chain[-1].endswith("_self"):
                chain.append(chain[-1].removesuffix("_self"))
            found += [name for name in reversed(chain) if name not in found]
        return found

    def _asked(self, variant: str) -> list[str]:
        """The label sets that a variant's config names, `auxsegnet` replaced by the last round's own name."""
        config = self._configs[variant]
        last = f"{ROUND_PREFIX}{max(config.auxsegnet.label_rounds, default=0)}"
        return list(dict.fromkeys(re.sub(r"^auxsegnet(?=_self|$)", last, n) for n in config.train_segmenter.label_sets))

    def _rounds(self, variant: str) -> int:
        """How many rounds of AuxSegNet a variant has."""
        config = self._configs[variant]
        return config.auxsegnet.rounds if "auxsegnet" in config.methods else 0

    def _has_aalr(self, variant: str) -> bool:
        return "aalr" in self._configs[variant].methods

    def _models(self, variant: str) -> list[str]:
        """The names of the networks whose predictions a variant evaluates, in the order of the pipeline."""
        segmenters = self._asked(variant)
        of_rounds = [method for method in segmenters if round_of(base_labels(method)) is not None]
        of_aalr = [method for method in segmenters if base_labels(method) == AALR]
        rounds = range(self._rounds(variant))
        if self._configs[variant].auxsegnet.predict == "last":
            rounds = rounds[-1:]
        return [
            *(f"{SEGMENTER_PREFIX}{method}" for method in segmenters if method not in (*of_rounds, *of_aalr)),
            *(f"{ROUND_PREFIX}{number}" for number in rounds),
            *(f"{SEGMENTER_PREFIX}{method}" for method in of_rounds),
            *([AALR] if self._has_aalr(variant) else []),
            *(f"{SEGMENTER_PREFIX}{method}" for method in of_aalr),
        ]

    def _config(self, artifact: Artifact) -> Config:
        return self._configs.get(artifact.variant, self.config)

    def _protocol(self, artifact: Artifact) -> Protocol:
        return self._config(artifact).predict.protocols[artifact.protocol]

    def _upstream(self, artifact: Artifact) -> dict[str, Artifact]:
        """What an artifact is made of, by the name of the input, in the artifact's own variant."""
        config, index = self._config(artifact), Artifact("index")
        branch = Artifact("", artifact.variant, artifact.seed)
        saliency = {"saliency": Artifact("saliency")}
        match artifact.stage:
            case "saliency" | "train_classifier":
                return {"index": index}
            case "cams":
                return {"index": index, "classifier": replace(branch, stage="train_classifier")}
            case "seed_labels":
                used = saliency if config.seed_labels.rule == "saliency" else {}
                return {"index": index, "cams": replace(branch, stage="cams"), **used}
            case "train_auxsegnet":
                seeds, first = replace(branch, stage="seed_labels"), replace(branch, stage="train_classifier")
                if not artifact.round:
                    return {"index": index, "labels": seeds, "weights": first}
                updated = replace(branch, stage="update_labels", round=artifact.round)
                return {"index": index, "labels": updated, "weights": replace(artifact, round=artifact.round - 1)}
            case "update_labels":
                model = replace(branch, stage="train_auxsegnet", round=artifact.round - 1)
                return {"index": index, "model": model, **saliency}
            case "train_aalr":
                used = {"classifier": replace(branch, stage="train_classifier")}
                return {"index": index, **(used if config.train_aalr.start == "classifier" else {})}
            case "aalr_labels":
                return {"index": index, "model": replace(branch, stage="train_aalr")}
            case "train_segmenter":
                labels = self._label_set(replace(artifact, stage="labels"))
                return {"index": index, **({"labels": labels} if labels else {})}
            case "segmenter_labels":
                used = saliency if config.segmenter_labels.saliency_threshold is not None else {}
                return {"index": index, "segmenter": replace(artifact, stage="train_segmenter"), **used}
            case "predict":
                return {"index": index, "model": self._model(artifact)}
        return {}

    def _model(self, artifact: Artifact) -> Artifact:
        """The checkpoint behind the name of a model in a prediction."""
        branch, number = Artifact("", artifact.variant, artifact.seed), round_of(artifact.model)
        if number is not None:
            return replace(branch, stage="train_auxsegnet", round=number)
        if artifact.model == AALR:
            return replace(branch, stage="train_aalr")
        return replace(branch, stage="train_segmenter", method=artifact.model.removeprefix(SEGMENTER_PREFIX))

    def _label_set(self, artifact: Artifact) -> Artifact | None:
        """The artifact that holds a label set (`method`); None for the true masks, which the index knows."""
        if artifact.method == "masks":
            return None
        if artifact.method.endswith("_self"):
            return replace(artifact, stage="segmenter_labels", method=artifact.method.removesuffix("_self"))
        if artifact.method == AALR:
            return replace(artifact, stage="aalr_labels", method="")
        number = round_of(artifact.method)
        if number:
            return replace(artifact, stage="update_labels", method="", round=number)
        return replace(artifact, stage="seed_labels", method="")

    def _members(self, stage: str, variant: str, seed: int) -> Iterator[Artifact]:
        """The artifacts of a stage that one variant and seed use, in the variant's own name."""
        config, methods, rounds = self._configs[variant], self.methods(variant), self._rounds(variant)
        aalr = self._has_aalr(variant)
        from_seeds = rounds > 0 or any(base_labels(method) == "seeds" for method in methods)
        from_seeds = from_seeds or not (methods or aalr)
        if stage in ("train_classifier", "cams", "seed_labels"):
            first = stage == "train_classifier" and aalr and config.train_aalr.start == "classifier"
            if from_seeds or first:
                yield Artifact(stage, variant, seed)
        elif stage in ("train_aalr", "aalr_labels"):
            if aalr:
                yield Artifact(stage, variant, seed)
        elif stage == "train_auxsegnet":
            yield from (Artifact(stage, variant, seed, round=n) for n in range(rounds))
        elif stage == "update_labels":
            yield from (Artifact(stage, variant, seed, round=n) for n in config.auxsegnet.label_rounds if rounds)
        elif stage == "train_segmenter":
            yield from (Artifact(stage, variant, seed, method) for method in methods)
        elif stage == "segmenter_labels":
            yield from (Artifact(stage, variant, seed, m) for m in methods if f"{m}_self" in methods)
        elif stage == "predict":
            for split in config.predict.splits:
                for model in self._models(variant):
                    for protocol in config.predict.protocols:
                        yield Artifact(stage, variant, seed, model=model, split=split, protocol=protocol)
        elif stage == "evaluate":
            yield Artifact(stage, variant, seed)
        elif stage != "saliency" or any("saliency" in self._upstream(a) for a in self._label_artifacts(variant, seed)):
            yield Artifact(stage)

    def _label_artifacts(self, variant: str, seed: int) -> Iterator[Artifact]:
        for stage in LABEL_STAGES:
            yield from self._members(stage, variant, seed)

    def _has(self, artifact: Artifact) -> bool:
        """Whether a variant's config names this artifact; what every variant could build, every variant has."""
        if artifact.stage in CHOSEN_STAGES:
            return artifact in self._members(artifact.stage, artifact.variant, artifact.seed)
        return True

    def _lineage(self, artifact: Artifact) -> str:
        """A digest of everything that an artifact depends on: equal digests are one artifact."""
        if artifact not in self._lineages:
            above = {name: self._lineage(upstream) for name, upstream in self._upstream(artifact).items()}
            own = [getattr(artifact, field.name) for field in fields(artifact) if field.name != "variant"]
            text = json.dumps([own, self.settings(artifact).canonical_json(), above], sort_keys=True)
            self._lineages[artifact] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return self._lineages[artifact]

    def _check_names(self) -> None:
        """Refuses names of variants and protocols that would break the paths in which they stand."""
        for name in RESERVED & set(self.config.variants):
            raise InputError(f"`variants.{name}`: the run has a folder of this name; choose another")
        for config in self._configs.values():
            for name in config.predict.protocols:
                if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name) or "--" in name:
                    allowed = "letters, digits and single `_`, `-`, `+`, `.`"
                    raise InputError(f"`predict.protocols.{name}`: a protocol's name may hold only {allowed}")


def _label_set_of(artifact: Artifact) -> str:
    """The name of the label set in an artifact."""
    if artifact.stage == "update_labels":
        return f"{ROUND_PREFIX}{artifact.round}"
    if artifact.stage == "aalr_labels":
        return AALR
    return f"{artifact.method}_self" if artifact.method else "seeds"
