"""The settings of a whole run: every stage's section, the machine, variants and seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    field_validator,
    model_validator,
)

from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.config.backbones import inherit_backbones
from wsss.config.base import Settings
from wsss.config.data import AnyData
from wsss.config.files import deep_merge
from wsss.config.networks import Backbone, Training
from wsss.config.parsing import parse_settings
from wsss.config.rounds import Rounds, TrainAuxsegnet, UpdateLabels
from wsss.config.stages import (
    Cams,
    Evaluate,
    Predict,
    Report,
    Saliency,
    SeedLabels,
    SegmenterLabels,
    TrainClassifier,
    TrainSegmenter,
)

STAGE_SETTINGS: dict[str, type[Settings] | None] = {
    "index": None,  # one of the models in wsss.config.data, told apart by its `name`
    "saliency": Saliency,
    "train_classifier": TrainClassifier,
    "cams": Cams,
    "seed_labels": SeedLabels,
    "train_auxsegnet": TrainAuxsegnet,
    "update_labels": UpdateLabels,
    "train_aalr": TrainAalr,
    "aalr_labels": AalrLabels,
    "train_segmenter": TrainSegmenter,
    "segmenter_labels": SegmenterLabels,
    "predict": Predict,
    "evaluate": Evaluate,
    "report": Report,
}
"""Every stage with the model of its settings, in the order of the pipeline."""
TRAININGS = {name: model for name, model in STAGE_SETTINGS.items() if model is not None and issubclass(model, Training)}
"""Stages that train a network, with the models of their settings."""
SHARED_SECTIONS = ("index", "saliency", "report")
"""Stages that exist once per run, so that no variant has settings of its own for them."""
PLAN_SECTIONS = ("methods", "auxsegnet")
"""Sections that say which stages there are; a variant may have its own, and no stage sees them."""
INHERITED_SECTIONS = ("backbone",)
"""Sections that stages inherit; a variant may have its own, and no stage sees them but through its own section."""


class Runtime(Settings):
    """The machine's side of a run. Nothing here changes a result, so nothing here runs a stage again."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """`auto` (a GPU where there is one), `cpu`, `cuda`, or one GPU of several, e.g. `cuda:1`."""
    workers: int = Field(default=2, ge=0)
    """Processes that load and transform images beside the one that computes."""
    batch_size: int = Field(default=8, ge=1)
    """Images per forward pass at inference."""
    devices: int = Field(default=1, ge=1)
    """GPUs of one training. The batch is divided among them."""
    checkpoint_minutes: float = Field(default=2.0, ge=0)
    """Minutes between resumable states of a training. 0 writes one after every step."""


class Config(Settings):
    """The settings of a run. `load_config` builds them from YAML files or a mapping.

    Sections that carry a stage's name hold that stage's settings and enter no other stage.
    """

    run: str = Field(default="", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$|^$")
    """Name of the folder below `results/`. Empty: the config file's stem."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of everything random, from 0 on. Everything that is trained is trained once per seed."""
    rerun_on_code_change: bool = True
    """Run stages again when the code that they use has changed. Comments and layout do not count."""
    runtime: Runtime = Runtime()
    data: AnyData
    """The data set, told apart by `name`; the settings of stage `index`."""
    backbone: Backbone = Backbone()
    """The feature extractor of all networks. Each training may override it, key by key, in its own `backbone`. One that
    goes on from the classifier has the classifier's network and weights."""
    saliency: Saliency = Saliency()
    methods: tuple[Literal["auxsegnet", "aalr"], ...] = ()
    """Methods that run: algorithms that make labels. `auxsegnet` makes better labels of the seeds, `aalr` makes its own
    while it trains. []: none, networks learn from the seeds themselves."""
    auxsegnet: Rounds = Rounds()
    train_segmenter: TrainSegmenter = TrainSegmenter()
    predict: Predict = Predict()
    evaluate: Evaluate = Evaluate()
    report: Report = Report()
    train_classifier: TrainClassifier = TrainClassifier()
    cams: Cams = Cams()
    seed_labels: SeedLabels = SeedLabels()
    train_auxsegnet: TrainAuxsegnet = TrainAuxsegnet()
    update_labels: UpdateLabels = UpdateLabels()
    train_aalr: TrainAalr = TrainAalr()
    aalr_labels: AalrLabels = AalrLabels()
    segmenter_labels: SegmenterLabels = SegmenterLabels()
    variants: dict[str, dict[str, Any]] = {}
    """Overrides of sections by a name of your own. Stages that do not differ from an earlier variant's are shared with
    it. A variant may override `backbone`, `methods`, `auxsegnet` and the sections of stages, but not `data`, `saliency`
    and `report`, which all variants share."""

    _trainings: dict[str, Any] = PrivateAttr(default_factory=dict)
    """What was given of the trainings, before they inherited from other sections."""

    @model_validator(mode="wrap")
    @classmethod
    def _inherit(cls, values: Any, handler: ModelWrapValidatorHandler[Config]) -> Config:
        """Hand the backbone on to the trainings, and keep what was given of these, for variants are laid over that."""
        if not isinstance(values, Mapping):
            return handler(values)
        # settings made in Python are complete, so they inherit nothing
        given = {key: value.model_dump() if isinstance(value, BaseModel) else value for key, value in values.items()}
        config = handler(inherit_backbones(given, TRAININGS))
        config._trainings = {name: given[name] for name in TRAININGS if name in given}
        return config

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
            raise ValueError(f"seeds must be one or more different numbers from 0 on, got {list(seeds)}")
        return seeds

    @field_validator("variants", mode="before")
    @classmethod
    def _variants(cls, variants: Any) -> Any:
        """Read a variant without overrides, which is written `name:` in YAML, which is None."""
        if isinstance(variants, dict):
            return {name: {} if overrides is None else overrides for name, overrides in variants.items()}
        return variants

    @model_validator(mode="after")
    def _check_variants(self) -> Config:
        for name, overrides in self.variants.items():
            if not name.replace("_", "").replace("-", "").isalnum():
                raise ValueError(f"variant name `{name}` may hold only letters, digits, `_` and `-`")
            for section in overrides:
                allowed = [
                    s for s in (*INHERITED_SECTIONS, *PLAN_SECTIONS, *STAGE_SETTINGS) if s not in SHARED_SECTIONS
                ]
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
        """Return the settings of one variant: its overrides laid over this config; `""` gives the config itself.

        Raises:
            InputError: If an override is not a valid setting.
        """
        if not name:
            return self
        resolved = self.model_dump(mode="json", exclude={"variants", *TRAININGS})
        values = deep_merge({**resolved, **self._trainings}, self.variants[name])
        return parse_settings(type(self), values, where=f"variants.{name}")

    def stage(self, name: str) -> Settings:
        """Return the settings of the stage of that name; the section `data` is the settings of `index`."""
        return getattr(self, "data" if name == "index" else name)
