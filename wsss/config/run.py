"""The settings of a whole run: a section per stage and method of the table, the machine, variants and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    create_model,
    field_validator,
    model_validator,
)

from wsss.config.backbones import inherit_backbones
from wsss.config.background import problem_of_padding, without_background
from wsss.config.base import MAX_NAME, MAX_SEED, Settings
from wsss.config.files import deep_merge
from wsss.config.label_sets import problem_of_label_set
from wsss.config.networks import BackboneSettings, Training
from wsss.config.parsing import parse_settings
from wsss.pipeline.stage import imported
from wsss.pipeline.stages import METHODS, STAGES

SECTIONS: dict[str, Any] = {
    **{stage.section or name: imported(stage.section_settings or stage.settings) for name, stage in STAGES.items()},
    **{name: imported(method.settings) for name, method in METHODS.items() if method.settings},
}
"""Sections of a config that follow from the table, with the models of their settings."""
TRAININGS = {name: model for name, model in SECTIONS.items() if isinstance(model, type) and issubclass(model, Training)}
"""Sections of stages that train a network."""
SHARED_SECTIONS = tuple(stage.section or name for name, stage in STAGES.items() if stage.per == "run")
"""Sections of stages that exist once per run, so that no variant has settings of its own for them."""
VARIED_SECTIONS = (
    *("backbone", "methods", *(name for name in SECTIONS if name in METHODS)),
    *(name for name in SECTIONS if name not in (*SHARED_SECTIONS, *METHODS)),
)
"""Sections that a variant may override."""
RUN = "[A-Za-z0-9][A-Za-z0-9_.-]*"
"""What may name a run."""
DATA = "The data set, told apart by `name`; the settings of stage `index`."


Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class Runtime(Settings):
    """The machine's side of a run. Nothing here changes a result, so nothing here runs a stage again."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """`auto` (a GPU where there is one), `cpu`, `cuda`, or one GPU of several, e.g. `cuda:1`."""
    workers: int = Field(default=2, ge=0, le=4096)
    """Processes that load and transform images beside the one that computes."""
    batch_size: int = Field(default=8, ge=1, le=65536)
    """Images per batch at inference."""
    precision: Literal["auto", "32", "bf16-mixed"] = "auto"
    """Numbers in which networks compute at inference. `auto`: bf16 on a GPU that has it and on a CPU with AMX, else 32
    bits. Like the device, it changes results by rounding alone."""
    pixels_per_forward: int = Field(default=0, ge=0, le=1_000_000_000_000)
    """Most input pixels of a forward pass at inference, which bounds its memory. 0: 0.8 million on a CPU, 40 million on
    a GPU. A pass for which the memory of a GPU does not suffice is halved in any case."""
    devices: int = Field(default=1, ge=1, le=4096)
    """GPUs of one training, on each of its nodes. The batch is divided among them."""
    nodes: int = Field(default=1, ge=1, le=4096)
    """Nodes of a cluster that share one training, `devices` GPUs on each; the batch is divided among all. SLURM gives
    them to the job and starts the training on each."""
    checkpoint_minutes: float = Field(default=2.0, ge=0, le=1_000_000)
    """Minutes between resumable states of a training. 0 writes one after every step."""
    shards: int = Field(default=1, ge=1, le=1000)
    """Jobs that make one artifact of images together, each a part of them on its own GPU or node: saliency, CAMs,
    labels and predictions. What exists is not made again in another number of parts."""
    loggers: tuple[Literal["auto", "tensorboard", "wandb", "mlflow", "csv"], ...] = ("auto",)
    """Where the curves of trainings go, beside `curves.csv`. `auto`: TensorBoard where it is installed. TensorBoard's
    events and Lightning's table lie in `tensorboard/` and `csv/` beside the checkpoint. Weights & Biases writes there,
    too, and follows `WANDB_MODE`; MLflow sends to the server of `MLFLOW_TRACKING_URI`. []: none."""


def _plain(value: Any) -> Any:
    """Turn settings made in Python, also within mappings, into mappings."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


class RunSettings(Settings):
    """What a run has beside the sections of its stages and methods."""

    run: str = Field(default="", pattern=rf"^{RUN}$|^$", max_length=MAX_NAME)
    """Name of the folder below `results/`. Empty: the config file's stem."""
    seeds: tuple[Seed, ...] = (0,)
    """Seeds of everything random, whole numbers from 0 to 2^63 - 1. Everything that is trained is trained once per
    seed."""
    rerun_on_code_change: bool = True
    """Run stages again when the code that they use has changed. Comments and layout do not count."""
    runtime: Runtime = Runtime()
    backbone: BackboneSettings = BackboneSettings()
    """The feature extractor of all networks. Each training may override it, key by key, in its own `backbone`. One that
    goes on from the classifier has the classifier's network and weights."""
    methods: tuple[str, ...] = ()
    variants: dict[str, dict[str, Any]] = {}
    """Overrides of sections by a name of your own. Stages that do not differ from an earlier variant's are shared with
    it. A variant may override any section but `data`, `saliency`, `report` and `runtime`."""

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)
    """What was given of the backbone and of the trainings, before these inherited from other sections."""

    @model_validator(mode="wrap")
    @classmethod
    def _inherit(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Hand the backbone on to the trainings, and keep what was given of these, for variants are laid over that."""
        if not isinstance(values, Mapping):
            return handler(values)
        # settings made in Python are complete, so they inherit nothing
        given = {key: _plain(value) for key, value in values.items()}
        config = handler(inherit_backbones(without_background(given, SECTIONS), TRAININGS))
        config._given = {name: given[name] for name in ("backbone", *TRAININGS) if name in given}
        return config

    @field_validator("seeds")
    @classmethod
    def _seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds must be one or more different numbers, got {list(seeds)}")
        return seeds

    @field_validator("variants", mode="before")
    @classmethod
    def _variants(cls, variants: Any) -> Any:
        """Read a variant without overrides, which is written `name:` in YAML, which is None."""
        if isinstance(variants, dict):
            return {name: {} if overrides is None else overrides for name, overrides in variants.items()}
        return variants

    @model_validator(mode="after")
    def _check_variants(self) -> Self:
        for name, overrides in self.variants.items():
            if not name.replace("_", "").replace("-", "").isalnum() or name.startswith("-"):
                raise ValueError(
                    f"variant name `{name[:MAX_NAME]}` may hold only letters, digits, `_` and `-`, and not begin with "
                    "`-`"
                )
            if len(name.encode()) > MAX_NAME:
                raise ValueError(f"variant name `{name[:40]}...` has {len(name.encode())} bytes, {MAX_NAME} at most")
            for section in overrides:
                if section not in VARIED_SECTIONS:
                    raise ValueError(
                        f"variant `{name}` overrides `{section}`; a variant may override {', '.join(VARIED_SECTIONS)}"
                    )
        return self

    @model_validator(mode="after")
    def _check_background(self) -> Self:
        if not self.stage("index").background:
            for name in TRAININGS:
                if problem := problem_of_padding(name, getattr(self, name)):
                    raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _check_methods(self) -> Self:
        for method in self.methods:
            problem = imported(METHODS[method].problem)(self) if METHODS[method].problem else ""
            if problem:
                raise ValueError(problem)
        for section in SECTIONS:
            for name in getattr(getattr(self, section), "label_sets", ()):
                if problem := problem_of_label_set(name, section, self):
                    raise ValueError(f"{section}.label_sets names `{name}`{problem}")
        return self

    def for_variant(self, name: str) -> Self:
        """Return the settings of one variant: its overrides laid over this config; `""` gives the config itself.

        Raises:
            InputError: If an override is not a valid setting.
        """
        if not name:
            return self
        resolved = self.model_dump(mode="json", exclude={"variants", "backbone", *TRAININGS})
        values = deep_merge({**resolved, **self._given}, self.variants[name])
        parsed: Self = parse_settings(type(self), values, where=f"variants.{name}")
        return parsed

    def stage(self, name: str) -> Any:
        """Return the settings of the stage, or of the method, of that name."""
        return getattr(self, (STAGES[name].section or name) if name in STAGES else name)


if TYPE_CHECKING:

    class Config(RunSettings):
        """The settings of a run. `load_config` builds them from YAML files or a mapping."""

        def __getattr__(self, name: str) -> Any:
            """Give the sections of stages and methods, which follow from the table."""

else:
    _METHODS = " ".join(f"`{method.name}`: {method.summary}" for method in METHODS.values())
    Config = create_model(
        "Config",
        __base__=RunSettings,
        __doc__="""The settings of a run. `load_config` builds them from YAML files or a mapping.

    Sections that carry a stage's name hold that stage's settings and enter no other stage.
    """,
        __module__=__name__,
        methods=(
            tuple[Literal[tuple(METHODS)], ...],
            Field(
                default=(),
                description=f"Methods that run. {_METHODS} []: none, networks learn from the seeds themselves.",
            ),
        ),
        **{
            # only the data set has no default; its models are told apart by their names
            name: (model, model() if isinstance(model, type) else Field(description=DATA))
            for name, model in SECTIONS.items()
        },
    )
