"""Settings of the stages, one model each, named like the stage; all defaults live here."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from wsss.config.base import Settings
from wsss.config.networks import Augmentation, Backbone, Training

Scales = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
"""Factors on the size of the input image."""


class Saliency(Settings):
    """Class-agnostic saliency maps, one per image."""

    source: Literal["superpixels", "rembg", "folder"] = "superpixels"
    """`superpixels`: unsupervised, needs nothing. `rembg`: a pretrained network. `folder`: maps of your own."""
    folder: str | None = None
    """For `folder`: grey maps (0..255) with the names of the images and suffix .png."""
    model: str = "u2netp"
    """For `rembg`: name of the network (`u2net`, `u2netp`, `isnet-general-use`, `birefnet-general`, ...)."""
    weights: str | None = None
    """For `rembg`: path of the ONNX file; None lets rembg look in (or download to) its own cache."""
    segments: int = Field(default=200, ge=4)
    """For `superpixels`: about how many segments an image is divided into."""
    compactness: float = Field(default=20.0, gt=0)
    """For `superpixels`: weight of position against colour in SLIC."""
    gamma: float = Field(default=1.0, gt=0)
    """Exponent on the values in [0, 1] of any source. What learns from saliency takes 0.5 for the border of an object
    (AuxSegNet); a source whose objects end at another value t gets there with log 0.5 / log t. All thresholds on
    saliency are on the scale that comes of it. Inferred."""

    @model_validator(mode="after")
    def _check(self) -> Saliency:
        if self.source == "folder" and self.folder is None:
            raise ValueError("saliency.source is `folder`, so saliency.folder must name the folder of maps")
        return self


class TrainClassifier(Training):
    """The classification network that the first CAMs come from."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Channel dropout before the global average pool (AuxSegNet, released code: 0.5)."""


class Cams(Settings):
    """Class activation maps: the classifier's weights on its features, ReLU, divided by the maximum per class."""

    scales: Scales = (0.5, 1.0, 1.5, 2.0)
    """Input scales that are summed before normalisation (PSA's set)."""
    flip: bool = True
    """Whether the mirrored image is added at every scale."""


class SeedLabels(Settings):
    """Fusion of CAMs and saliency into the first pseudo labels."""

    rule: Literal["saliency", "background_threshold"] = "saliency"
    """`saliency`: the rule of AuxSegNet. `background_threshold`: CAMs alone, for whoever has no saliency."""
    cam_threshold: float = Field(default=0.2, ge=0, le=1)
    """A pixel belongs to its strongest class above this (AuxSegNet, released code: 0.2)."""
    saliency_threshold: float = Field(default=0.06, ge=0, le=1)
    """A pixel is salient above this (AuxSegNet, released code: 0.06, set for the saliency network DSS)."""
    background_cam_threshold: float | None = Field(default=None, ge=0, le=1)
    """A pixel that is not salient is background where the CAM is at most this; None takes `cam_threshold`, the
    paper's rule. Inferred: a higher limit teaches background close to objects. For `background_threshold`, a lower
    limit leaves the CAMs between it and `cam_threshold` ignored."""

    @model_validator(mode="after")
    def _check(self) -> SeedLabels:
        limit = self.background_cam_threshold
        if self.rule == "background_threshold" and limit is not None and limit > self.cam_threshold:
            raise ValueError(
                "with the rule `background_threshold`, background_cam_threshold must not be above cam_threshold, "
                f"got {limit} and {self.cam_threshold}; lower it, or set it to null"
            )
        return self


class TrainSegmenter(Training):
    """A standard segmentation network, fully supervised by pseudo labels."""

    label_sets: tuple[str, ...] = ("seeds",)
    """One network is trained on each of these: `seeds`, `masks` (the true masks: the fully supervised reference),
    `auxsegnet_round1`, ... (labels that AuxSegNet has updated once, ...), `auxsegnet` (the last of these), `aalr`
    (labels of AA&LR), or the name of a label set with `_self` appended (labels predicted by the network trained on
    that set)."""
    backbone: Backbone = Backbone()
    augmentation: Augmentation = Augmentation(crop_size=256, scale=(0.5, 1.5))
    epochs: int = Field(default=15, ge=1)
    head_channels: int = Field(default=128, ge=8)
    """Width of the DeepLab head (atrous spatial pyramid pooling)."""
    atrous_rates: tuple[int, ...] = (6, 12, 18)
    """Dilations of the head, for stride 16 (DeepLabV3, Chen et al. 2017)."""
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @field_validator("label_sets", mode="before")
    @classmethod
    def _one_or_many(cls, label_sets: object) -> object:
        return (label_sets,) if isinstance(label_sets, str) else label_sets

    @field_validator("label_sets")
    @classmethod
    def _known(cls, label_sets: tuple[str, ...]) -> tuple[str, ...]:
        for name in label_sets:
            if not re.fullmatch(r"masks|(seeds|aalr|auxsegnet(_round[1-9]\d*)?)(_self)*", name):
                known = "`seeds`, `masks`, `auxsegnet`, `auxsegnet_round1` or `aalr`"
                raise ValueError(f"unknown label set `{name}`: use {known}; all but `masks` also with `_self`")
        return label_sets


class SegmenterLabels(Settings):
    """Labels predicted by a segmentation network over the training images, to train the next one on."""

    saliency_threshold: float | None = Field(default=0.3, ge=0, le=1)
    """Foreground that is not salient, and background that is, becomes 255; None keeps every prediction."""
    scales: Scales = (1.0,)
    flip: bool = True


class Crf(Settings):
    """The fully connected CRF of Kraehenbuehl and Koltun (2011)."""

    gaussian_sxy: float = Field(default=3.0, gt=0)
    gaussian_compat: float = Field(default=3.0, ge=0)
    bilateral_sxy: float = Field(default=80.0, gt=0)
    bilateral_srgb: float = Field(default=13.0, gt=0)
    bilateral_compat: float = Field(default=10.0, ge=0)
    iterations: int = Field(default=10, ge=1)
    minimum_probability: float = Field(default=0.01, ge=0, lt=1)
    """Classes that are nowhere as probable as this are left out, which saves their time; 0 keeps all."""
    backend: Literal["auto", "torch", "pydensecrf"] = "auto"
    """`torch`, on the CPU or the GPU; `pydensecrf`, the reference in C++ (an extra); `auto` is `torch`."""


class Protocol(Settings):
    """How a network is asked: printed beside every number that comes of it."""

    scales: Scales = (1.0,)
    flip: bool = False
    crf: Crf | None = None
    """None leaves the CRF out; `{}` takes its defaults."""


class Predict(Settings):
    """Predictions of every trained segmentation network on whole splits."""

    splits: tuple[Literal["train", "val"], ...] = ("val",)
    protocols: dict[str, Protocol] = {"single": Protocol()}
    """Named protocols; each network is asked by each of them."""


class Evaluate(Settings):
    """Numbers about labels and predictions; masks are read here and nowhere else."""

    sweep: bool = True
    """Scan the thresholds of CAMs and saliency on the training images."""


class Report(Settings):
    """The page and the pictures that show what came out."""

    samples: int = Field(default=12, ge=1)
    """Images on each contact sheet, spread over the range of quality."""
    palette: Literal["voc", "color_blind"] = "color_blind"
    """Colours of the classes: a set that people with colour-blindness can tell apart, or VOC's."""
