"""Settings of the rounds of AuxSegNet: how many there are, and how each one makes the labels of the next."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from wsss.config.auxsegnet import AuxSegNetLossWeights, AuxSegNetNetwork
from wsss.config.base import Settings
from wsss.config.label_losses import RoundsAdaptiveAffinity, RoundsLabelReassign
from wsss.config.networks import Augmentation, Training
from wsss.config.stages import Crf


class Rounds(Settings):
    """Which rounds a run has. Enters no stage's settings: raising `rounds` by one runs one round."""

    rounds: int = Field(default=2, ge=1, le=20)
    """How often the network is trained: rounds 0 to `rounds` - 1, each from the last one's weights on labels that the
    last one updated (AuxSegNet, released code: 4; the paper sees no gain after the fourth)."""
    last_labels: bool = True
    """Whether the last round's network updates the labels once more, for a segmenter and to be judged."""
    predict: Literal["all", "last"] = "all"
    """Whose refined segmentation is a prediction to evaluate: every round's, or the last one's."""

    @property
    def label_rounds(self) -> range:
        """The rounds of the labels that `update_labels` makes."""
        return range(1, self.rounds + self.last_labels)


class TrainAuxsegnet(Training):
    """The multi-task network of AuxSegNet; one training per round, all with these settings.

    It goes on from the classifier's weights, later rounds from the last round's, so `backbone` must be the
    classifier's (its stride and what is frozen may differ). The released code of AuxSegNet: SGD, rate 7e-4, momentum
    and weight decay 0 in effect (it passes them in the wrong places), 15 epochs, padding `background`, no colour
    jitter, `released_rate_groups`; the paper: rate 1e-3, 10 epochs, colour jitter.
    """

    network: AuxSegNetNetwork = AuxSegNetNetwork()
    loss_weights: AuxSegNetLossWeights = AuxSegNetLossWeights()
    adaptive_affinity: RoundsAdaptiveAffinity = RoundsAdaptiveAffinity()
    label_reassign: RoundsLabelReassign = RoundsLabelReassign()
    released_rate_groups: bool = False
    """Whether the layers that fuse the affinities learn as slowly as the backbone, as in the released code, whose
    names for fast layers miss them; else as fast as all new layers."""
    augmentation: Augmentation = Augmentation(crop_size=321)
    epochs: int = Field(default=10, ge=1)
    """Of one round."""
    batch_size: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _check(self) -> TrainAuxsegnet:
        if self.backbone.weights != "auto":
            raise ValueError(
                "train_auxsegnet goes on from the classifier's weights: leave backbone.weights at `auto`, and set "
                "train_classifier.backbone.weights"
            )
        return self


class SaliencyCrf(Crf):
    """The binary CRF of the saliency labels (the recipe of DSS, as in the released code of AuxSegNet)."""

    gaussian_sxy: float = Field(default=3.0, gt=0)
    gaussian_compat: float = Field(default=3.0, ge=0)
    bilateral_sxy: float = Field(default=60.0, gt=0)
    bilateral_srgb: float = Field(default=5.0, gt=0)
    bilateral_compat: float = Field(default=5.0, ge=0)
    iterations: int = Field(default=1, ge=1)
    minimum_probability: float = Field(default=0.0, ge=0, le=0)
    """Both labels always take part."""
    temperature: float = Field(default=1.05, gt=0)
    """Divides the energies, with the sigmoid of the probability."""


class UpdateLabels(Settings):
    """Labels of the next round, from refined CAMs and refined saliency of this round's network."""

    cam_threshold: float = Field(default=0.2, ge=0, le=1)
    """A pixel belongs to its strongest class above this (AuxSegNet, released code: 0.2)."""
    saliency_threshold: float = Field(default=0.06, ge=0, le=1)
    """A pixel is salient above this (AuxSegNet, released code: 0.06, set for the saliency network DSS)."""
    background_cam_threshold: float | None = Field(default=None, ge=0, le=1)
    """A pixel that is not salient is background where the CAM is at most this; None takes `cam_threshold`, the
    paper's rule. Inferred: a higher limit teaches background close to objects."""
    scale: float = Field(default=1.0, gt=0)
    """Factor on the size of the image as the network sees it (AuxSegNet: 1); larger than 1 where images are small
    beside the crops of the training."""
    refine_cams: bool = True
    """Whether the cross-task affinity is applied to the CAMs; false for comparison."""
    saliency_crf: SaliencyCrf | None = SaliencyCrf()
    """The dense CRF over the mean of refined and original saliency; None leaves it out."""
    save_cams: bool = True
    """Whether the refined CAMs are kept beside the labels."""
