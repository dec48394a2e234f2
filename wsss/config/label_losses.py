"""Settings of the two losses of AA&LR that any training on label maps can have beside its own.

The body of the paper (Zhang et al., ACM MM 2021) could not be read; what is marked as inferred is stated by no source.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from wsss.config.base import Settings
from wsss.config.networks import StrideSettings, distance_at_stride
from wsss.config.stages import Scales


class AdaptiveAffinity(StrideSettings):
    """The adaptive affinity loss: pixels of one class alike, pixels of two classes apart (authors' released code)."""

    weight: float = Field(default=0.1, ge=0, le=1_000_000)
    """Weight of the loss. 0 leaves it out. At 1 it outweighs cross entropy (docs/results.md). Inferred."""
    decay: Literal["none", "exp10"] = "none"
    """Let the weight fall with the joint phase to a tenth, by 10^(-t/T) as in AAF. Inferred."""
    offset: int | None = Field(default=None, ge=1, le=4096)
    """Distance between the two pixels of a pair, in features; with `resolution: image`, in pixels of the image. null:
    the released code's 4 at stride 8, scaled by 8 / output_stride, at least 1: 2 at stride 16. Scaling is inferred."""
    margin: float = Field(default=3.0, ge=0, le=1_000_000)
    """Divergence up to which pairs of different classes are pushed apart."""
    different_weight: float = Field(default=2.0, ge=0, le=1_000_000)
    """Factor on pairs of different classes."""
    edge_split: Literal["none", "fg_bg"] = "none"
    """`none`: one mean over pairs of different classes, as the released code does. `fg_bg`: pairs of two objects and
    pairs with background apart, as it means to do."""
    confidence: Literal["crf", "cam", "seg", "none"] = "crf"
    """What weights a pair: the refined scores of the mask (`crf`, whatever refined them), its CAM scores (`cam`), the
    segmentation's own probability (`seg`), or nothing. Inferred."""
    resolution: Literal["feature", "image"] = "feature"
    """Where pairs are taken: between pixels of the features, or of the image, where unsure bands between the regions of
    a mask take more of them. Inferred."""

    def at_stride(self, output_stride: int) -> Self:
        """Return the settings with `offset` as a number, for features of that stride."""
        if self.offset is not None:
            return self
        offset = distance_at_stride(4, 1 if self.resolution == "image" else output_stride)
        return self.model_copy(update={"offset": offset})


class LabelReassign(Settings):
    """The label reassign loss: pixels whose features lie closer to another class of the image take its label.

    Inferred throughout: the paper names the parts of it, its formula could not be read.
    """

    weight: float = Field(default=0.1, ge=0, le=1_000_000)
    """Weight of the loss. 0 leaves it out. At 1 it outweighs cross entropy (docs/results.md)."""
    ramp: float = Field(default=0.1, ge=0, le=1)
    """Share of the joint phase in which the weight rises from 0."""
    embedding: Literal["segmentation", "backbone"] = "segmentation"
    """Vectors that are compared: those between the two convolutions of the segmentation branch, or the backbone's
    features."""
    scope: Literal["batch", "image", "ema"] = "batch"
    """Pixels that make the centroid of an object class: the batch's, the image's, or a moving average's."""
    apply_to: Literal["embedding", "all", "drop"] = "embedding"
    """Losses that see the reassigned labels. `embedding`: this one alone. `all`: the segmentation losses too, from the
    end of the ramp on. `drop`: this one, while from then on the cross entropy ignores the changed pixels."""
    judge: Literal["own", "start"] = "own"
    """Vectors by which labels change. `own`: those of `embedding`, which learn from the labels that they judge.
    `start`: the backbone's features as they were before the first step, the mean over `judge_scales` and their mirror
    images; it takes a pass for each (docs/results.md)."""
    judge_scales: Scales = (1.0, 1.5)
    """Factors on the size of the crop, for the judge `start`."""
    margin: float = Field(default=0.1, ge=0, le=1_000_000)
    """Cosine similarity by which another class must be closer."""
    temperature: float = Field(default=0.1, gt=0, le=1_000_000)
    """Divisor of cosine similarities before the softmax. A smaller one is stricter."""
    min_points: int = Field(default=5, ge=1, le=1_000_000_000)
    """Pixels that a class must have to get a centroid."""
    detach_centroids: bool = True
    """Take centroids as constants, so that pixels move and centroids do not."""
    memory_momentum: float = Field(default=0.99, ge=0, lt=1)
    """Momentum of the moving average, for the scope `ema`."""
    warn_above: float = Field(default=0.3, ge=0, le=1)
    """Share of its pixels per epoch beyond which a class that loses them is named in the log."""

    @model_validator(mode="after")
    def _check(self) -> LabelReassign:
        if self.weight and self.apply_to != "embedding" and self.ramp >= 1:
            raise ValueError(f"apply_to `{self.apply_to}` acts from the end of the ramp on, and ramp is 1: lower ramp")
        if self.weight and self.judge == "start" and self.scope == "ema":
            raise ValueError("judge `start` keeps no moving average: set scope to `batch` or `image`")
        return self
