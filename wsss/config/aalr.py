"""Settings of AA&LR: its network, its losses, its training, and the labels that come of it.

The body of the paper (Zhang et al., ACM MM 2021) could not be read, so most numbers are inferred: from the released
code of the affinity loss, from RRM, on which the method stands, and from the works that it cites. Each is a setting.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from wsss.config.base import Settings
from wsss.config.label_losses import AdaptiveAffinity, LabelReassign
from wsss.config.networks import Augmentation, Optimizer, Training
from wsss.config.online_labels import OnlineLabels
from wsss.config.stages import Crf, Scales


class AalrNetwork(Settings):
    """Branches beside the backbone (RRM, released code)."""

    channels: int = Field(default=512, ge=1)
    """Width of the segmentation branch, and of the embeddings."""
    dilation: int = Field(default=12, ge=1)
    """Of its two convolutions, at stride 8. Halving it at stride 16 keeps its reach in pixels. Inferred."""
    normalization: Literal["none", "batch"] = "none"
    """Whether batch normalisation follows the first convolution of the segmentation branch (RRM has none, on features
    that end in normalisation and ReLU). Inferred."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Channel dropout before the global average pool of the classification branch."""


class AalrOptimizer(Optimizer):
    """Two phases, in each of which the rate decays to 0; the factors of the groups hold in both.

    RRM, released code: SGD, rates 0.01 and 0.0007, weight decay 5e-4, and in effect no momentum (it passes the decay in
    the momentum's place). AA&LR's own values are not known.
    """

    name: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(default=0.0007, gt=0)
    """Of the joint phase."""
    warmup_learning_rate: float = Field(default=0.01, gt=0)
    """Of the phase that trains the classification branch alone."""
    head_multiplier: float = Field(default=10.0, gt=0)
    bias_multiplier: float = Field(default=2.0, gt=0)
    """Factor on the learning rate of biases."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Of `sgd`. 0.9 wants about a tenth of the learning rates."""
    weight_decay: float = Field(default=0.0005, ge=0)


class DenseEnergy(Settings):
    """RRM's dense energy loss, which AA&LR's paper does not name: off unless it is given a weight."""

    weight: float = Field(default=0.0, ge=0)
    """RRM: 1e-7."""
    sigma_rgb: float = Field(default=15.0, gt=0)
    sigma_xy: float = Field(default=100.0, gt=0)
    """In pixels of the crop."""
    scale: float = Field(default=0.5, gt=0, le=1)
    """Where it is computed, as a factor on the size of the crop."""


class AalrLossWeights(Settings):
    """Factors on the losses of RRM, which add up with weight 1 there."""

    classification: float = Field(default=1.0, ge=0)
    segmentation: float = Field(default=1.0, ge=0)
    """Of the cross entropy on online masks; background and objects are two means that are added."""


class TrainAalr(Training):
    """Single-stage training: classification alone at first, then everything, on masks made on the way."""

    start: Literal["backbone", "classifier"] = "backbone"
    """`backbone`: from its ImageNet weights. `classifier`: from the network of train_classifier, which takes the place
    of the first phase; variants then share it."""
    warmup_epochs: int | None = Field(default=None, ge=0)
    """Epochs of the first phase, out of `epochs`; None: half of them (RRM), or 0 where `start` is `classifier`."""
    network: AalrNetwork = AalrNetwork()
    optimizer: AalrOptimizer = AalrOptimizer()
    augmentation: Augmentation = Augmentation(crop_size=321)
    epochs: int = Field(default=24, ge=1)
    loss_weights: AalrLossWeights = AalrLossWeights()
    adaptive_affinity: AdaptiveAffinity = AdaptiveAffinity()
    label_reassign: LabelReassign = LabelReassign()
    dense_energy: DenseEnergy = DenseEnergy()
    masks: OnlineLabels = OnlineLabels()
    mask_delay: Literal[0, 1] = 0
    """0: a step learns from masks of its own CAMs. 1: they are made a step ahead, beside the step before, from weights
    that are one step older; on a GPU this hides their making, for one more pass at scale 1."""
    measure_masks: bool = False
    """Whether the true masks of training images are read to say how good the online masks are, epoch by epoch. Numbers
    for evaluation only: nothing is learned or chosen by them."""

    @property
    def warmup(self) -> int:
        """Epochs of the first phase."""
        if self.warmup_epochs is not None:
            return self.warmup_epochs
        return 0 if self.start == "classifier" else self.epochs // 2

    @model_validator(mode="after")
    def _check(self) -> TrainAalr:
        parts = (self.loss_weights.classification, self.loss_weights.segmentation, self.dense_energy.weight)
        if not any((*parts, self.adaptive_affinity.weight, self.label_reassign.weight)):
            raise ValueError("all losses have the weight 0, so nothing would be learned: give one of them a weight")
        if self.warmup >= self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup} of {self.epochs} epochs, which leaves none for the segmentation: "
                "lower warmup_epochs, or raise epochs"
            )
        if self.warmup and not self.loss_weights.classification:
            raise ValueError(
                "loss_weights.classification is 0, so the first phase would learn nothing: raise it, or set "
                "warmup_epochs to 0"
            )
        if self.start == "classifier" and self.backbone.weights != "auto":
            raise ValueError(
                "train_aalr goes on from the classifier's weights: leave backbone.weights at `auto`, and set "
                "train_classifier.backbone.weights; or set start to `backbone`"
            )
        return self


class AalrLabels(Settings):
    """Pseudo labels of the training images, by the trained network of AA&LR; only classes that an image shows."""

    source: Literal["segmentation", "masks"] = "segmentation"
    """`segmentation`: what the segmentation branch says. `masks`: masks of its CAMs, as in training."""
    scales: Scales = (1.0,)
    """For `segmentation`, factors on the size of the image as the network sees it."""
    flip: bool = True
    crf: Crf | None = None
    """For `segmentation`; None leaves the CRF out."""
    save_masks: bool = False
    """Whether masks as in training are kept beside the labels, before and (where the training had that loss) after the
    reassignment of their labels; the contact sheet shows them."""
    scale: float = Field(default=1.0, gt=0)
    """For these masks, a factor on the size of the image that comes before their own scales: larger than 1 where images
    are small beside the crops of the training."""
    masks: OnlineLabels | None = None
    """How these masks are made; None: as in the training of the network, whose checkpoint says so."""
