"""Settings of AA&LR: its network, its losses, its training, and the labels that come of it.

The body of the paper (Zhang et al., ACM MM 2021) could not be read, so most numbers are inferred: from the released
code of the affinity loss, from RRM, on which the method stands, and from the works that it cites. Each is a setting.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from wsss.config.base import Settings
from wsss.config.label_losses import AdaptiveAffinity, LabelReassign
from wsss.config.networks import Optimizer, SegmentationAugmentation, StrideSettings, Training, distance_at_stride
from wsss.config.online_labels import OnlineLabels
from wsss.config.stages import Crf, Scales


class AalrNetwork(StrideSettings):
    """Branches beside the backbone (RRM, released code)."""

    channels: int = Field(default=512, ge=1, le=65536)
    """Width of the segmentation branch, and of the embeddings."""
    dilation: int | None = Field(default=None, ge=1, le=4096)
    """Dilation of the segmentation branch's two convolutions, in features. null: RRM's 12 at stride 8, scaled by
    8 / output_stride, at least 1: 6 at stride 16. Scaling is inferred."""
    segmentation_head: Literal["dilated", "pyramid"] = "dilated"
    """How the segmentation branch looks around: two dilated convolutions, one after the other (RRM), or atrous spatial
    pyramid pooling (DeepLabV3) by 1, 2 and 3 times `dilation`, and a prediction per pixel. Inferred."""
    normalization: Literal["none", "batch"] = "none"
    """Batch normalisation after the first convolution of `dilated`; `pyramid` always has it. RRM has none, on features
    that end in normalisation and ReLU. Inferred."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of channels dropped before the global average pool of the classification branch."""

    def at_stride(self, output_stride: int) -> Self:
        """Return the settings with `dilation` as a number, for features of that stride."""
        if self.dilation is not None:
            return self
        return self.model_copy(update={"dilation": distance_at_stride(12, output_stride)})


class AalrOptimizer(Optimizer):
    """The optimiser of two phases. The rate falls to 0 in each; the factors of the groups hold in both.

    The defaults are those of all trainings. RRM's released code has SGD, rates 0.01 (first phase) and 0.0007 (joint
    phase), new layers x 10, biases x 2, weight decay 5e-4, and in effect no momentum (it passes the decay in the
    momentum's place). AA&LR's own values are not known.
    """

    learning_rate: float = Field(default=0.0001, gt=0, le=1000)
    """Learning rate of pretrained layers at the first step of the joint phase. RRM, by SGD: 0.0007."""
    warmup_learning_rate: float = Field(default=0.0001, gt=0, le=1000)
    """Learning rate of pretrained layers at the first step of the first phase, which trains classification alone. RRM,
    by SGD: 0.01."""
    bias_multiplier: float = Field(default=1.0, gt=0, le=1_000_000)
    """Factor on the learning rate of biases. RRM: 2."""
    classifier_multiplier: float | None = Field(default=None, gt=0, le=1_000_000)
    """Factor on the learning rate of the classification branch. null: `head_multiplier`. 1 suits a branch that is
    trained already. Inferred."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Momentum of `sgd`; RRM has none in effect. 0.9 wants about a tenth of RRM's learning rates."""


class DenseEnergy(Settings):
    """RRM's dense energy loss, which AA&LR's paper does not name: off unless it is given a weight."""

    weight: float = Field(default=0.0, ge=0, le=1_000_000)
    """Weight of the loss. 0 leaves it out. RRM: 1e-7."""
    sigma_rgb: float = Field(default=15.0, gt=0, le=10000)
    """Width of the Gaussian in colours, of 0 to 255."""
    sigma_xy: float = Field(default=100.0, gt=0, le=100_000)
    """Width of the Gaussian in pixels of the crop."""
    scale: float = Field(default=0.5, gt=0, le=1)
    """Factor on the size of the crop at which the loss is computed."""


class AalrLossWeights(Settings):
    """Factors on the losses of RRM, which add up with weight 1 there."""

    classification: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the classification loss."""
    segmentation: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the cross entropy on online masks: the mean over background plus the mean over objects."""


class TrainAalr(Training):
    """AA&LR's single-stage training: classification alone at first, then everything, on masks made on the way."""

    start: Literal["backbone", "classifier"] = "backbone"
    """`backbone`: from its ImageNet weights. `classifier`: from the network of train_classifier, which takes the place
    of the first phase, with the classifier's `backbone.name`; variants then share it."""
    warmup_epochs: int | None = Field(default=None, ge=0, le=1_000_000)
    """Epochs of the first phase, out of `epochs`. null: half of them (RRM), or 0 where `start` is `classifier`."""
    network: AalrNetwork = AalrNetwork()
    optimizer: AalrOptimizer = AalrOptimizer()
    augmentation: SegmentationAugmentation = SegmentationAugmentation()
    auto_epochs: int = Field(default=20, ge=1, le=1_000_000)
    """Least number of passes of `epochs: auto`, both phases together: 10 as train_classifier has, and 10 as a round of
    AuxSegNet has."""
    auto_steps: int = Field(default=760, ge=1, le=1_000_000_000)
    """Least number of steps of `epochs: auto`, which makes up for few images: those of `auto_epochs` on the 311
    photographs of docs/results.md. Inferred."""
    loss_weights: AalrLossWeights = AalrLossWeights()
    cross_entropy: Literal["balanced", "plain"] = "balanced"
    """Mean of the cross entropy. `balanced`: over background plus over objects, as in RRM's released code. `plain`:
    over all labelled pixels. Inferred."""
    adaptive_affinity: AdaptiveAffinity = AdaptiveAffinity()
    label_reassign: LabelReassign = LabelReassign()
    dense_energy: DenseEnergy = DenseEnergy()
    masks: OnlineLabels = OnlineLabels()
    mask_source: Literal["network", "average", "start", "cams"] = "network"
    """Whose CAMs make the masks. `network`: those of the network in this step, as in the paper. `average`: of its
    moving average. `start`: of the network as it was before the first step. `cams`: those of stage cams, of whole
    photographs, each divided by its maximum there and cut like the crop. All but the first are inferred."""
    average_momentum: float = Field(default=0.99, ge=0, lt=1)
    """How much of the moving average a step keeps, for the source `average`."""
    mask_delay: Literal[0, 1] = 0
    """0: a step learns from masks of its own CAMs. 1: they are made beside the step before, from weights one step
    older; on a GPU this hides their making, for one more pass at scale 1."""
    measure_masks: bool = False
    """Read the true masks of training images to say how good the online masks are, epoch by epoch. Nothing is learned
    or chosen by these numbers."""

    @property
    def warmup(self) -> int:
        """Return the epochs of the first phase."""
        if self.warmup_epochs is not None:
            return self.warmup_epochs
        return 0 if self.start == "classifier" else self.passes // 2

    def problem_with(self, devices: int) -> str:
        """Say that masks of the step before are made on one device."""
        if not self.mask_delay or devices == 1:
            return ""
        return "train_aalr.mask_delay is 1, which works on one device; set it to 0, or runtime.devices and nodes to 1"

    @model_validator(mode="after")
    def _check(self) -> TrainAalr:
        parts = (self.loss_weights.classification, self.loss_weights.segmentation, self.dense_energy.weight)
        if not any((*parts, self.adaptive_affinity.weight, self.label_reassign.weight)):
            raise ValueError("all losses have the weight 0, so nothing would be learned: give one of them a weight")
        # `auto` follows the images, so that the stage checks it
        if self.epochs != "auto" and self.warmup >= self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup} of {self.epochs} epochs, which leaves none for the segmentation: "
                "lower warmup_epochs, or raise epochs"
            )
        starts_alone = self.start == "backbone" if self.warmup_epochs is None else self.warmup_epochs > 0
        if starts_alone and not self.loss_weights.classification:
            raise ValueError(
                "loss_weights.classification is 0, so the first phase would learn nothing: raise it, or set "
                "warmup_epochs to 0"
            )
        if self.mask_source == "start" and self.start != "classifier":
            raise ValueError(
                "mask_source is `start`, but a network that starts from its backbone's weights has CAMs of nothing: "
                "set start to `classifier`, or another mask_source"
            )
        if self.mask_source == "cams" and self.mask_delay:
            raise ValueError("mask_delay is 1, but with mask_source `cams` no CAMs are made in training: set it to 0")
        if self.start == "classifier" and self.backbone.weights != "auto":
            raise ValueError(
                "train_aalr goes on from the classifier's weights: leave backbone.weights at `auto`, and set "
                "the backbone.weights of the whole config; or set start to `backbone`"
            )
        return self


class AalrLabels(Settings):
    """Pseudo labels of the training images, by the trained network of AA&LR: only classes that an image shows."""

    source: Literal["segmentation", "masks"] = "segmentation"
    """`segmentation`: what the segmentation branch says. `masks`: masks of its CAMs, as in training."""
    scales: Scales = (1.0,)
    """Factors on the size of the image as the network sees it, whose predictions are averaged; for `segmentation`."""
    flip: bool = True
    """Add the mirrored image at every scale; for `segmentation`."""
    crf: Crf | None = None
    """The dense CRF over the prediction, for `segmentation`. null leaves it out; `{}` takes its defaults."""
    save_masks: bool = False
    """Keep masks as in training beside the labels, before and (where the training had that loss) after the reassignment
    of their labels. The contact sheet shows them."""
    scale: float = Field(default=1.0, gt=0, le=16)
    """Factor on the size of the image for these masks, before their own scales. Above 1 where images are small beside
    the crops of the training."""
    masks: OnlineLabels | None = None
    """How these masks are made. null: as in the training of the network, whose checkpoint says so."""
