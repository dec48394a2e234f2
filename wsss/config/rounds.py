"""Settings of the rounds of AuxSegNet: how many there are, and how each one makes the labels of the next."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from wsss.config.auxsegnet import AuxSegNetLossWeights, AuxSegNetNetwork
from wsss.config.base import Settings
from wsss.config.label_losses import AdaptiveAffinity, LabelReassign
from wsss.config.networks import SegmentationAugmentation, Training
from wsss.config.stages import Crf, Threshold
from wsss.pipeline.stages import METHODS


class Rounds(Settings):
    """The rounds of AuxSegNet. They enter no stage's settings: raising `rounds` by one runs one round."""

    rounds: int = Field(default=2, ge=1, le=20)
    """Times the network is trained: rounds 0 to `rounds` - 1, each from the last one's weights, on labels that the last
    one updated. AuxSegNet's released code: 4; the paper sees no gain after the fourth."""
    last_labels: bool = True
    """Let the last round's network update the labels once more, for a segmenter and to be judged."""
    predict: Literal["all", "last"] = "all"
    """Networks whose refined segmentation is evaluated: every round's, or the last one's."""

    @property
    def label_rounds(self) -> range:
        """Return the rounds of the labels that `update_labels` makes."""
        return range(1, self.rounds + self.last_labels)


class RoundsAdaptiveAffinity(AdaptiveAffinity):
    """The adaptive affinity loss on the best segmentation of AuxSegNet, against the labels of the round.

    Beyond both papers, so off unless it is given a weight.
    """

    weight: float = Field(default=0.0, ge=0, le=1_000_000)
    """Weight of the loss. 0 leaves it out."""
    decay: Literal["none", "exp10"] = "none"
    """Let the weight fall with the training of a round to a tenth, by 10^(-t/T)."""
    confidence: Literal["seg", "none"] = "seg"
    """What weights a pair: the segmentation's own probability (`seg`), or nothing."""
    resolution: Literal["feature", "image"] = "feature"
    """Where pairs are taken: between pixels of the features, or of the image."""

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

    weight: float = Field(default=0.0, ge=0, le=1_000_000)
    """Weight of the loss. 0 leaves it out."""
    ramp: float = Field(default=0.1, ge=0, le=1)
    """Share of the training of a round in which the weight rises from 0."""
    embedding: Literal["segmentation", "backbone"] = "segmentation"
    """Vectors that are compared: the features of the segmentation branch, before affinities improve them, or the
    backbone's."""
    apply_to: Literal["embedding", "all", "drop"] = "embedding"
    """Losses that see the reassigned labels. `embedding`: this one alone. `all`: those of both segmentations and the
    affinity loss too, from the end of the ramp on. `drop`: this one, while from then on both segmentations ignore the
    changed pixels."""


class TrainAuxsegnet(Training):
    """The multi-task network of AuxSegNet: one training per round, all with these settings.

    Round 0 goes on from the classifier's weights unless `start` says otherwise, so `backbone.name` is the classifier's;
    its stride and what is frozen may differ. Later rounds go on from the last round's. AuxSegNet's released code: SGD,
    rate 7e-4, momentum and weight decay 0 in effect (it passes them in the wrong places), 15 epochs, batch 4, crop 321,
    padding `background`, no colour jitter, `released_rate_groups`; the paper: rate 1e-3, 10 epochs, colour jitter.
    """

    start: Literal["classifier", "backbone"] = "classifier"
    """Weights that round 0 starts from: the trained classifier's (AuxSegNet), or those of its backbone, such as
    ImageNet's, as a segmentation network does. Inferred."""
    network: AuxSegNetNetwork = AuxSegNetNetwork()
    loss_weights: AuxSegNetLossWeights = AuxSegNetLossWeights()
    adaptive_affinity: RoundsAdaptiveAffinity = RoundsAdaptiveAffinity()
    label_reassign: RoundsLabelReassign = RoundsLabelReassign()
    released_rate_groups: bool = False
    """Let the layers that fuse the affinities learn as slowly as the backbone, as in the released code, whose names for
    fast layers miss them; else as fast as all new layers."""
    augmentation: SegmentationAugmentation = SegmentationAugmentation()

    @model_validator(mode="after")
    def _check(self) -> TrainAuxsegnet:
        if self.start == "classifier" and self.backbone.weights != "auto":
            raise ValueError(
                "train_auxsegnet goes on from the classifier's weights: leave backbone.weights at `auto`, and set "
                "the backbone.weights of the whole config; or set start to `backbone`"
            )
        return self


class SaliencyCrf(Crf):
    """The binary CRF of the saliency labels (the recipe of DSS, as in the released code of AuxSegNet)."""

    bilateral_sxy: float = Field(default=60.0, gt=0, le=100_000)
    """Width of the bilateral kernel in pixels."""
    bilateral_srgb: float = Field(default=5.0, gt=0, le=10000)
    """Width of the bilateral kernel in colours, of 0 to 255."""
    bilateral_compat: float = Field(default=5.0, ge=0, le=1_000_000)
    """Weight of the bilateral kernel. 0 leaves it out."""
    iterations: int = Field(default=1, ge=1, le=10000)
    """Steps of the mean field."""
    minimum_probability: float = Field(default=0.0, ge=0, le=0)
    """Probability below which a label is left out. Always 0: both labels take part."""
    temperature: float = Field(default=1.05, gt=0, le=1_000_000)
    """Divisor of the energies, with the sigmoid of the probability."""


class UpdateLabels(Settings):
    """Labels of the next round, from refined CAMs and refined saliency of this round's network."""

    cam_threshold: Threshold = 0.1
    """CAM above which a pixel belongs to its strongest class. The affinity spreads CAMs, which lowers them, so that 0.1
    was better than AuxSegNet's 0.2 (docs/results.md)."""
    saliency_threshold: Threshold = 0.3
    """Saliency above which a pixel is salient: that of the studies in docs/results.md. AuxSegNet's released code: 0.06,
    set for the saliency network DSS."""
    background_cam_threshold: Threshold | None = 0.6
    """CAM up to which a pixel that is not salient is background. null: `cam_threshold`, the paper's rule. A higher
    limit teaches background close to objects. Inferred."""
    scale: float = Field(default=1.0, gt=0, le=16)
    """Factor on the size of the image as the network sees it. AuxSegNet: 1. Above 1 where images are small beside the
    crops of the training."""
    refine_cams: bool = True
    """Apply the cross-task affinity to the CAMs. false for comparison."""
    saliency_crf: SaliencyCrf | None = SaliencyCrf()
    """The dense CRF over the mean of refined and original saliency. null leaves it out."""
    save_cams: bool = True
    """Keep the refined CAMs beside the labels."""


NEEDS_BACKGROUND = (
    "learns saliency, which is foreground against background, and the data have none: take the seeds alone "
    f"(`methods: []`), or {' or '.join(m.title for n, m in METHODS.items() if n != 'auxsegnet')} "
    f"(`methods: [{', '.join(n for n in METHODS if n != 'auxsegnet')}]`)"
)
"""Why, and what to use in place of it, where `data.background` is false."""


def problem_of_rounds(config: Any) -> str:
    """Say what is wrong with a config that has rounds; empty for nothing."""
    if not config.stage("index").background:
        return f"methods: data.background is false, but auxsegnet {NEEDS_BACKGROUND}"
    if config.stage("auxsegnet").label_rounds and not config.stage("train_auxsegnet").network.classification:
        return (
            "labels are updated from CAMs, which a network without classification does not have: set "
            "train_auxsegnet.network.classification, or `auxsegnet: {rounds: 1, last_labels: false}`"
        )
    return ""
