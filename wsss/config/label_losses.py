"""Settings of the two losses of AA&LR that any training on label maps can have beside its own.

The body of the paper (Zhang et al., ACM MM 2021) could not be read; what is marked as inferred is stated by no source.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from wsss.config.base import Settings


class AdaptiveAffinity(Settings):
    """The adaptive affinity loss (authors' released code, but for what is marked as inferred)."""

    weight: float = Field(default=1.0, ge=0)
    """0 leaves the loss out. Inferred."""
    decay: Literal["none", "exp10"] = "none"
    """Whether the weight falls with the joint phase, to a tenth by 10^(-t/T), as in AAF. Inferred."""
    offset: int = Field(default=4, ge=1)
    """Pixels between the two of a pair."""
    margin: float = Field(default=3.0, ge=0)
    different_weight: float = Field(default=2.0, ge=0)
    """Factor on pairs of different classes."""
    edge_split: Literal["none", "fg_bg"] = "none"
    """`none`: one mean over pairs of different classes, what the released code does. `fg_bg`: pairs of two objects and
    pairs with background apart, what it means to do."""
    confidence: Literal["crf", "cam", "seg", "none"] = "crf"
    """What weights a pair: the refined scores of the mask (`crf`, whatever refined them), its CAM scores, the
    segmentation's own probability, or nothing. Inferred."""
    resolution: Literal["feature", "image"] = "feature"
    """Where pairs are taken: the unsure bands between the regions of a mask are wider than `offset` pixels of the
    image. Inferred."""


class LabelReassign(Settings):
    """The label reassign loss. Inferred throughout: the paper names the parts of it, its formula could not be read."""

    weight: float = Field(default=1.0, ge=0)
    """0 leaves the loss out."""
    ramp: float = Field(default=0.1, ge=0, le=1)
    """Share of the joint phase in which the weight rises from 0."""
    embedding: Literal["segmentation", "backbone"] = "segmentation"
    """Which vectors: those between the two convolutions of the segmentation branch, or the backbone's features."""
    scope: Literal["batch", "image", "ema"] = "batch"
    """Whose pixels make the centroid of an object class: the batch's, the image's, or a moving average's."""
    apply_to: Literal["embedding", "all", "drop"] = "embedding"
    """Which losses see the reassigned labels: this one alone; the segmentation losses too, from the end of the ramp on;
    or this one, while from then on the cross entropy ignores the changed pixels."""
    margin: float = Field(default=0.1, ge=0)
    """By how much of cosine similarity another class must be closer."""
    temperature: float = Field(default=0.1, gt=0)
    min_points: int = Field(default=5, ge=1)
    """Pixels that a class must have to get a centroid."""
    detach_centroids: bool = True
    memory_momentum: float = Field(default=0.99, ge=0, lt=1)
    """Of the moving average."""
    warn_above: float = Field(default=0.3, ge=0, le=1)
    """A class that loses more than this share of its pixels in an epoch is named in the log."""

    @model_validator(mode="after")
    def _check(self) -> LabelReassign:
        if self.weight and self.apply_to != "embedding" and self.ramp >= 1:
            raise ValueError(f"apply_to `{self.apply_to}` acts from the end of the ramp on, and ramp is 1: lower ramp")
        return self


class RoundsAdaptiveAffinity(AdaptiveAffinity):
    """The adaptive affinity loss on the best segmentation of AuxSegNet, against the labels of the round.

    Beyond both papers, so off unless it is given a weight.
    """

    weight: float = Field(default=0.0, ge=0)
    """0 leaves the loss out."""
    decay: Literal["none", "exp10"] = "none"
    """Whether the weight falls with the training of a round, to a tenth by 10^(-t/T)."""
    confidence: Literal["seg", "none"] = "seg"
    """What weights a pair: the segmentation's own probability, or nothing."""
    resolution: Literal["feature", "image"] = "feature"
    """Where pairs are taken: between the pixels of the features, or of the image."""

    @field_validator("confidence", mode="before")
    @classmethod
    def _confidence(cls, confidence: Any) -> Any:
        if confidence in ("crf", "cam"):
            raise ValueError("needs online masks, which AuxSegNet's rounds do not have; set it to `seg` or `none`")
        return confidence


class RoundsLabelReassign(LabelReassign):
    """The label reassign loss on the segmentation branch of AuxSegNet, against the labels of the round.

    Beyond both papers, so off unless it is given a weight.
    """

    weight: float = Field(default=0.0, ge=0)
    """0 leaves the loss out."""
    ramp: float = Field(default=0.1, ge=0, le=1)
    """Share of the training of a round in which the weight rises from 0."""
    embedding: Literal["segmentation", "backbone"] = "segmentation"
    """Which vectors: the features of the segmentation branch, before affinities improve them, or the backbone's."""
    apply_to: Literal["embedding", "all", "drop"] = "embedding"
    """Which losses see the reassigned labels: this one alone; those of both segmentations and the affinity loss too,
    from the end of the ramp on; or this one, while both segmentations ignore the changed pixels from then on."""
