"""One artifact of a run, and the path that it has below `results/RUN/`."""

from __future__ import annotations

from dataclasses import dataclass, fields

SHARED_BY_ALL = ("index", "saliency", "report")
"""Stages that exist once per run: nothing in them depends on a variant or a seed."""

PATTERNS = {
    "index": "index.h5",
    "saliency": "saliency.h5",
    "train_classifier": "{branch}classifier/model.ckpt",
    "cams": "{branch}cams.h5",
    "seed_labels": "{branch}auxsegnet/round0/labels.h5",
    "train_auxsegnet": "{branch}auxsegnet/round{round}/model.ckpt",
    "update_labels": "{branch}auxsegnet/round{round}/labels.h5",
    "train_aalr": "{branch}aalr/model.ckpt",
    "aalr_labels": "{branch}aalr/labels.h5",
    "train_segmenter": "{branch}segmenter/{method}/model.ckpt",
    "segmenter_labels": "{branch}segmenter/{method}/labels.h5",
    "predict": "{branch}predictions/{split}/{model}--{protocol}.h5",
    "evaluate": "{branch}evaluation/metrics.json",
    "report": "report.html",
}
"""Where each stage writes, below `results/RUN/`; `{branch}` is empty in a plain run."""

BRANCH = "{variant}/seed{seed}/"
"""What `{branch}` stands for in a run of several variants or seeds."""

SEGMENTER_PREFIX = "segmenter_"
"""A model's name in the paths of predictions: this, then the label set that the network was trained on."""

ROUND_PREFIX = "auxsegnet_round"
"""A round's network in the paths of predictions, and a round's labels among label sets: this, then the round."""

AALR = "aalr"
"""The network of AA&LR in the paths of predictions, and its labels among label sets."""


@dataclass(frozen=True)
class Artifact:
    """One artifact, named by its stage and by what tells it from the stage's other artifacts.

    Attributes:
        stage: The stage that writes it.
        variant: Name of the variant; empty for stages that are shared by all.
        seed: Seed of the branch; 0 for stages that are shared by all.
        method: Label set that a segmentation network is trained on.
        model: Name of the network that predicts.
        split: Images that are predicted.
        protocol: Name of the protocol of a prediction.
        round: Round of AuxSegNet: of a network the one that it is trained in, of labels the one that they are for.
    """

    stage: str
    variant: str = ""
    seed: int = 0
    method: str = ""
    model: str = ""
    split: str = ""
    protocol: str = ""
    round: int = 0

    def pattern(self, *, plain: bool) -> str:
        """The path with the wildcards that its stage has; without those of the branch in a plain run."""
        return PATTERNS[self.stage].replace("{branch}", "" if plain else BRANCH)

    def path(self, *, plain: bool) -> str:
        """The path below `results/RUN/`."""
        return self.pattern(plain=plain).format(**{field.name: getattr(self, field.name) for field in fields(self)})


def base_labels(method: str) -> str:
    """The label set that a chain of `_self` starts from: `seeds`, `masks`, `aalr` or `auxsegnet_round1`."""
    while method.endswith("_self"):
        method = method.removesuffix("_self")
    return method


def round_of(name: str) -> int | None:
    """The round in the name of a label set or a model, None where it is not one of AuxSegNet's rounds."""
    number = name.removeprefix(ROUND_PREFIX)
    return int(number) if number != name and number.isdecimal() else None
