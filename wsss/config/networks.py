"""Settings that several trainings share: backbone, optimiser, augmentation, and distances that follow the stride."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from wsss.config.backbone_names import problem_of_name, problem_of_settings
from wsss.config.base import Settings

Scale = Annotated[float, Field(gt=0, le=16)]
"""A factor on the size of an image."""
Auto = Literal["auto"]
Pixels = Annotated[int, Field(ge=16, le=8000)]
"""Side of a crop."""
ClassWeight = Annotated[float, Field(gt=0, le=1000)]
Passes = Annotated[int, Field(ge=1, le=1_000_000)]
"""Epochs of a training."""
Strength = Annotated[float, Field(ge=0, le=100)]
HueStrength = Annotated[float, Field(ge=0, le=0.5)]
"""Share of the circle of hues."""


class BackboneSettings(Settings):
    """The feature extractor of a network, and how much of it is trained."""

    name: str = "tf_efficientnet_lite0"
    """A torchvision ResNet (`resnet50`), `resnet38d` (the network of AuxSegNet and AffinityNet), or the name of a
    ResNet, EfficientNet or ConvNeXt of timm."""
    weights: str = "auto"
    """`auto`: weights packaged with EfficientNet-Lite0, else the library's ImageNet download. `none`: random weights.
    Else the path of a state dict, which fits one network: whoever names another names its weights too. For `resnet38d`,
    a path (also of the published `.params` file) or `none`."""
    output_stride: Literal[8, 16, 32] = 16
    """Pixels of the image per pixel of the features. A smaller stride sees finer and costs more: its last stages take
    dilated convolutions in place of strides."""
    frozen_stages: int = Field(default=3, ge=0, le=1000)
    """How many stages, counted from the input, are not trained. The stem counts as the first."""
    freeze_batch_norm: bool = True
    """Keep statistics and parameters of batch normalisation."""
    fold_batch_norm: bool = True
    """Fold batch normalisation that is frozen into the convolutions before it: the same function in less time and
    memory, but of weights on another scale, whose steps change. Without `freeze_batch_norm`, and in `resnet38d`,
    nothing is folded."""
    bands: int | None = Field(default=None, ge=3, le=64)
    """Bands of the photographs. null: as many as `data.bands` names, 3 at least. Of more than three, the first
    convolution keeps its weights for the first three, and takes their mean for each of the others (inferred)."""

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if problem := problem_of_name(name):
            raise ValueError(problem)
        return name

    @model_validator(mode="after")
    def _check(self) -> BackboneSettings:
        if problem := problem_of_settings(self.name, self.output_stride, self.frozen_stages):
            raise ValueError(problem)
        return self


class Optimizer(Settings):
    """The optimiser. Its learning rate falls step by step: rate x (1 - step / steps)^power."""

    name: Literal["sgd", "adamw"] = "adamw"
    """The optimiser. `sgd` wants higher learning rates."""
    learning_rate: float = Field(default=0.0001, gt=0, le=1000)
    """Learning rate of pretrained layers at the first step. Segmentation networks of 311 photographs were worse by more
    (docs/results.md)."""
    head_multiplier: float = Field(default=4.0, gt=0, le=1_000_000)
    """Factor on the learning rate of newly initialised layers. 4 was better than 10 for segmentation networks
    (docs/results.md)."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of `sgd`. `adamw` has its own two, 0.9 and 0.999."""
    weight_decay: float = Field(default=0.01, ge=0, le=1000)
    """Weight decay of convolutions and linear layers. Biases and normalisation have none."""
    power: float = Field(default=0.9, gt=0, le=1000)
    """Exponent of the falling learning rate. 1 is a straight line."""
    warmup_steps: int = Field(default=0, ge=0, le=1_000_000_000)
    """Steps in which the learning rate rises from near 0."""
    gradient_clip: float | None = Field(default=None, gt=0, le=1_000_000_000)
    """Largest norm of the gradient. null: any."""


class Augmentation(Settings):
    """Random changes of a training image and its maps, drawn anew each time."""

    crop_size: Pixels | Auto = "auto"
    """Side of the square training crop, in pixels, taken to the nearest multiple of 32. Shorter images are padded.
    `auto`: `crop_share` of the side of the training images, 160 to 512."""
    crop_share: float = Field(default=0.65, gt=0, le=16)
    """Share of the median side of the training images (the root of height times width, within `data.max_side`) that
    `crop_size: auto` takes. 0.65 is 288 for photographs of 500 x 375 (docs/results.md). Inferred for other sizes."""
    padding: Literal["ignored", "background"] = "ignored"
    """Label of padded pixels: `ignored` (255), or `background` and not salient, as in AuxSegNet's released code."""
    scale: tuple[Scale, Scale] = (0.7, 1.3)
    """Range of the random factor on the size of the image, lowest first. It applies after `data.max_side`."""
    long_side: tuple[Pixels, Pixels] | None = None
    """Range of the longer side, in pixels, that the image is resized to at random, in place of `scale`, shortest first.
    PSA and RRM: [256, 512] (RRM's released code draws it and does not resize). null: `scale`."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """How the photograph is resized. Maps are resized bilinearly, labels by nearest pixel. PSA and RRM: `bicubic`."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip."""
    color_jitter: tuple[Strength, Strength, Strength, HueStrength] = (0.3, 0.3, 0.3, 0.1)
    """Strength of random changes of brightness, contrast, saturation and hue, the last up to 0.5. Zeros switch them
    off."""

    @property
    def side(self) -> int:
        """Return the crop size as a number, which a training settles."""
        assert isinstance(self.crop_size, int), "the crop size is still `auto`"
        return self.crop_size

    @model_validator(mode="after")
    def _check(self) -> Augmentation:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be two positive numbers in ascending order, got {list(self.scale)}")
        if self.long_side is not None and self.long_side[0] > self.long_side[1]:
            raise ValueError(f"long_side must be two numbers in ascending order, got {list(self.long_side)}")
        return self


class SegmentationAugmentation(Augmentation):
    """Random changes of a training image and its maps, for networks that segment.

    A smaller crop and a wider range of scales than for classification, where an object must stay in sight: the values
    of the studies in docs/results.md, for all networks that segment.
    """

    crop_share: float = Field(default=0.58, gt=0, le=16)
    """Share of the median side of the training images (the root of height times width, within `data.max_side`) that
    `crop_size: auto` takes. 0.58 is 256 for photographs of 500 x 375 (docs/results.md); the papers' 321 is 0.74.
    Inferred for other sizes."""
    scale: tuple[Scale, Scale] = (0.5, 1.5)
    """Range of the random factor on the size of the image, lowest first. It applies after `data.max_side`."""


class StrideSettings(Settings):
    """A group with distances in features, which default to those of a paper at stride 8."""

    @abstractmethod
    def at_stride(self, output_stride: int) -> Self:
        """Return the group with a number for each distance that is null, for features of that stride."""


class Training(Settings):
    """Settings of every training. Built with a backbone, they hold the distances for its stride as numbers."""

    backbone: BackboneSettings = BackboneSettings()
    """Feature extractor of this training. It is laid over the top-level `backbone`, key by key."""
    optimizer: Optimizer = Optimizer()
    augmentation: Augmentation = Augmentation()
    epochs: Passes | Auto = "auto"
    """Passes over the training images. `auto`: `auto_epochs`, or as many as `auto_steps` steps take, if that is
    more."""
    auto_epochs: int = Field(default=10, ge=1, le=1_000_000)
    """Least number of passes of `epochs: auto`."""
    auto_steps: int = Field(default=380, ge=1, le=1_000_000_000)
    """Least number of steps of `epochs: auto`, which makes up for few images: those of `auto_epochs` on the 311
    photographs of docs/results.md. Inferred."""
    batch_size: int = Field(default=8, ge=1, le=65536)
    """Images per step, on all GPUs together."""
    accumulate: int = Field(default=1, ge=1, le=65536)
    """Parts of a step's images that go through the network one after the other, for a batch that the memory does not
    hold: a step has `batch_size` images all the same. Losses and trained batch normalisation then see one part at a
    time (docs/cluster.md)."""
    max_steps: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """Steps after which the training ends, its learning rates with it. null: all epochs."""
    precision: Literal["auto", "32", "bf16-mixed", "16-mixed"] = "auto"
    """Numbers in which networks compute. The mixed ones save time and memory. `auto`: bf16 on a GPU that has it and on
    a CPU with AMX, else 32 bits."""
    class_weights: Literal["none", "auto"] | Annotated[dict[str, ClassWeight], Field(min_length=1)] = "none"
    """Weights of classes in cross entropy and multi-label loss. A mapping from names, `background` among them, to
    weights; classes that it does not name have 1. `auto`: the median number of training images of a class, divided by
    the number of this class, from 0.1 to 10; 1 for background. Median frequencies (Eigen and Fergus 2015) count pixels;
    images are counted here, for labels of pixels are what is looked for: inferred."""
    sampling: Literal["uniform", "balanced"] = "uniform"
    """How images are drawn. `uniform`: each once per epoch. `balanced`: as many, with replacement; an image whose
    rarest class is in n images is drawn sqrt(m / n) times as often as one that shows the most frequent class alone,
    which is in m. Repeat factors (LVIS, Gupta et al. 2019), whose threshold is that class: inferred."""
    validate_every: int = Field(default=0, ge=0, le=1_000_000)
    """Epochs between validations. 0: once, at the end."""

    @classmethod
    def starts_from_classifier(cls, values: Mapping[str, Any]) -> bool:
        """Tell whether a training with these settings goes on from the classifier's weights.

        Args:
            values: What a config says of the training, unchecked.
        """
        field = cls.model_fields.get("start")
        return field is not None and values.get("start", field.default) == "classifier"

    def problem_with(self, devices: int) -> str:
        """Say in one line why this training cannot work on so many devices; empty if it can."""
        return ""

    @property
    def passes(self) -> int:
        """Return the epochs as a number, which a training settles."""
        assert isinstance(self.epochs, int), "the epochs are still `auto`"
        return self.epochs

    @model_validator(mode="after")
    def _follow_stride(self) -> Training:
        for name in type(self).model_fields:
            group = getattr(self, name)
            if isinstance(group, StrideSettings):
                # nobody has seen these frozen settings yet
                self.__dict__[name] = group.at_stride(self.backbone.output_stride)
        return self


def distance_at_stride(distance: int, output_stride: int) -> int:
    """Return the distance in features that spans as many pixels of the image as one at stride 8. Inferred.

    Args:
        distance: In features of stride 8.
        output_stride: Pixels of the image per feature; 1 gives pixels of the image.

    Returns:
        At least 1; halves are rounded up.
    """
    return max(1, (distance * 8 + output_stride // 2) // output_stride)
