"""The settings of a whole run: every stage's section, the machine, variants and seeds."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from wsss.config import aalr, rounds, stages
from wsss.config.base import Settings
from wsss.config.data import AnyData
from wsss.config.files import deep_merge
from wsss.config.parsing import parse_settings

SHARED_SECTIONS = ("index", "saliency", "report")
"""Stages that exist once per run, so that no variant has settings of its own for them."""
PLAN_SECTIONS = ("methods", "auxsegnet")
"""What says which stages there are; a variant may have its own, and no stage sees it."""


class Runtime(Settings):
    """The machine's side of a run; nothing here changes a result, so nothing here re-runs a stage."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """`auto` takes a GPU where there is one."""
    workers: int = Field(default=2, ge=0)
    """Processes that load and transform images beside the one that computes."""
    batch_size: int = Field(default=8, ge=1)
    """Images per forward pass at inference."""
    devices: int = Field(default=1, ge=1)
    """How many GPUs one training uses; the batch is divided among them."""
    checkpoint_minutes: float = Field(default=2.0, ge=0)
    """Minutes between resumable states of a training; 0 writes one after every step."""


class Config(Settings):
    """A run. `load_config` builds it from a YAML file or a mapping.

    Sections that carry a stage's name hold that stage's settings and enter no other stage.
    """

    run: str = Field(default="", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$|^$")
    """Name of the folder below `results/`; empty takes the config file's stem."""
    seeds: tuple[int, ...] = (0,)
    """Everything that is trained is trained once per seed."""
    rerun_on_code_change: bool = True
    """Stages run again when the code that they use has changed."""
    runtime: Runtime = Runtime()
    data: AnyData
    saliency: stages.Saliency = stages.Saliency()
    train_classifier: stages.TrainClassifier = stages.TrainClassifier()
    cams: stages.Cams = stages.Cams()
    seed_labels: stages.SeedLabels = stages.SeedLabels()
    methods: tuple[Literal["auxsegnet", "aalr"], ...] = ()
    """Methods that run. `auxsegnet` makes better labels of the seeds, `aalr` makes its own while it trains. None:
    networks learn from the seeds themselves."""
    auxsegnet: rounds.Rounds = rounds.Rounds()
    train_auxsegnet: rounds.TrainAuxsegnet = rounds.TrainAuxsegnet()
    update_labels: rounds.UpdateLabels = rounds.UpdateLabels()
    train_aalr: aalr.TrainAalr = aalr.TrainAalr()
    aalr_labels: aalr.AalrLabels = aalr.AalrLabels()
    train_segmenter: stages.TrainSegmenter = stages.TrainSegmenter()
    segmenter_labels: stages.SegmenterLabels = stages.SegmenterLabels()
    predict: stages.Predict = stages.Predict()
    evaluate: stages.Evaluate = stages.Evaluate()
    report: stages.Report = stages.Report()
    variants: dict[str, dict[str, Any]] = {}
    """Name -> overrides of stage sections. Stages that do not differ from an earlier variant's are shared with it."""

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
            raise ValueError(f"seeds must be one or more different numbers from 0 on, got {list(seeds)}")
        return seeds

    @field_validator("variants", mode="before")
    @classmethod
    def _variants(cls, variants: Any) -> Any:
        """A variant without overrides is written `name:` in YAML, which reads as None."""
        if isinstance(variants, dict):
            return {name: {} if overrides is None else overrides for name, overrides in variants.items()}
        return variants

    @model_validator(mode="after")
    def _check_variants(self) -> Config:
        for name, overrides in self.variants.items():
            if not name.replace("_", "").replace("-", "").isalnum():
                raise ValueError(f"variant name `{name}` may hold only letters, digits, `_` and `-`")
            for section in overrides:
                allowed = [s for s in (*PLAN_SECTIONS, *STAGE_SETTINGS) if s not in SHARED_SECTIONS]
                if section not in allowed:
                    raise ValueError(
                        f"variant `{name}` overrides `{section}`; a variant may override {', '.join(allowed)}"
                    )
        return self

    @model_validator(mode="after")
    def _check_rounds(self) -> Config:
        last = max(self.auxsegnet.label_rounds, default=0) if "auxsegnet" in self.methods else 0
        if last and not self.train_auxsegnet.network.classification:
            raise ValueError(
                "labels are updated from CAMs, which a network without classification does not have: set "
                "train_auxsegnet.network.classification, or `auxsegnet: {rounds: 1, last_labels: false}`"
            )
        for name in self.train_segmenter.label_sets:
            found = re.match(r"auxsegnet(?:_round(\d+))?", name)
            if found and "auxsegnet" not in self.methods:
                raise ValueError(f"train_segmenter.label_sets names `{name}`: add `auxsegnet` to `methods`")
            if name.startswith("aalr") and "aalr" not in self.methods:
                raise ValueError(f"train_segmenter.label_sets names `{name}`: add `aalr` to `methods`")
            if found and int(found[1] or 1) > last:
                raise ValueError(
                    f"train_segmenter.label_sets names `{name}`, but the last labels are those of round {last}: raise "
                    "`auxsegnet.rounds`, or set `auxsegnet.last_labels`"
                )
        return self

    def for_variant(self, name: str) -> Config:
        """The settings of one variant: its overrides merged into this config; `""` gives the config itself.

        Raises:
            InputError: If an override is not a valid setting.
        """
        if not name:
            return self
        base = self.model_dump(mode="json", exclude={"variants"})
        return parse_settings(type(self), deep_merge(base, self.variants[name]), where=f"variants.{name}")

    def stage(self, name: str) -> Settings:
        """The settings of the stage of that name; the section `data` is the settings of `index`."""
        return getattr(self, "data" if name == "index" else name)


STAGE_SETTINGS: dict[str, type[Settings] | None] = {
    "index": None,  # one of the models in wsss.config.data, told apart by its `name`
    "saliency": stages.Saliency,
    "train_classifier": stages.TrainClassifier,
    "cams": stages.Cams,
    "seed_labels": stages.SeedLabels,
    "train_auxsegnet": rounds.TrainAuxsegnet,
    "update_labels": rounds.UpdateLabels,
    "train_aalr": aalr.TrainAalr,
    "aalr_labels": aalr.AalrLabels,
    "train_segmenter": stages.TrainSegmenter,
    "segmenter_labels": stages.SegmenterLabels,
    "predict": stages.Predict,
    "evaluate": stages.Evaluate,
    "report": stages.Report,
}
"""Every stage with the model of its settings, in the order of the pipeline."""
