"""Settings that several training stages share: backbone, optimiser, augmentation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from wsss.config.base import Settings


class Backbone(Settings):
    """A feature extractor by name, and how much of it is trained."""

    name: str = "tf_efficientnet_lite0"
    """A torchvision ResNet (`resnet50`), `resnet38d` (the network of AuxSegNet and AffinityNet), or the name of any
    timm model that can return features."""
    weights: str = "auto"
    """`auto` (weights packaged with EfficientNet-Lite0, else the library's ImageNet download), `none` (random), or
    the path of a state dict. For `resnet38d`, a path (also of the published `.params` file) or `none`."""
    output_stride: Literal[8, 16, 32] = 16
    """Input pixels per feature pixel; strides beyond it become dilations."""
    frozen_stages: int = Field(default=3, ge=0)
    """How many stages from the input on are not trained (stem counts as the first)."""
    freeze_batch_norm: bool = True
    """Batch normalisation keeps its statistics and parameters and is folded into the convolutions."""


class Optimizer(Settings):
    """Optimiser with polynomial decay: rate x (1 - step/steps)^power, per step."""

    name: Literal["sgd", "adamw"] = "adamw"
    learning_rate: float = Field(default=0.0002, gt=0)
    head_multiplier: float = Field(default=10.0, gt=0)
    """Factor on the learning rate of newly initialised layers."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Of `sgd`; `adamw` has its own two, 0.9 and 0.999."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Applied to weights of convolutions and linear layers; not to biases and normalisation."""
    power: float = Field(default=0.9, gt=0)
    warmup_steps: int = Field(default=0, ge=0)
    gradient_clip: float | None = Field(default=None, gt=0)


class Augmentation(Settings):
    """Joint augmentation of photograph and maps; drawn per image."""

    crop_size: int = Field(default=288, ge=16)
    """Side of the square training crop, in pixels; short sides are padded."""
    padding: Literal["ignored", "background"] = "ignored"
    """What padding counts as in label and saliency maps: nothing (255), or background and not salient (0), as in the
    released code of AuxSegNet."""
    scale: tuple[float, float] = (0.7, 1.3)
    """Range of the random scale factor, relative to the image as `max_side` leaves it."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of a horizontal flip."""
    color_jitter: tuple[float, float, float, float] = (0.3, 0.3, 0.3, 0.1)
    """Strength for brightness, contrast, saturation, hue; zeros switch it off."""

    @model_validator(mode="after")
    def _check(self) -> Augmentation:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be two positive numbers in ascending order, got {list(self.scale)}")
        return self


class Training(Settings):
    """What every training stage has."""

    backbone: Backbone = Backbone()
    optimizer: Optimizer = Optimizer()
    augmentation: Augmentation = Augmentation()
    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=8, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    """Ends training early after this many steps (the schedule ends there too); None runs all epochs."""
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"
    validate_every: int = Field(default=0, ge=0)
    """Epochs between validations; 0 validates once, at the end."""
