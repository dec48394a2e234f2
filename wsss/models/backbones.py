"""Feature extractors by name, cut into parts that run one after the other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wsss import config
from wsss.errors import InputError
from wsss.models.folding import fold_batch_norm
from wsss.models.pretrained import PACKAGED, load_library_network, load_packaged, load_state_file
from wsss.models.resnet38d import CHANNELS, ResNet38d
from wsss.models.resnet38d_weights import read_resnet38d

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
RESNET38D = "resnet38d"
TORCHVISION = ("resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2")
"""Taken from torchvision (its resnet18 and resnet34 cannot be dilated); names in neither of the two are timm's."""


class Backbone(nn.Module):
    """A convolutional network without its classifier, frozen and folded as its settings say.

    It normalises its input itself, so everything outside deals with plain RGB in [0, 1].

    Args:
        settings: Name, weights, output stride, what is frozen.

    Attributes:
        channels: Channels of the features.
        classification_channels: Channels after `classification_head`.
        output_stride: Input pixels per feature pixel.

    Raises:
        InputError: If the name is unknown, the network cannot have that stride, or the weights do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, settings: config.Backbone) -> None:
        super().__init__()
        network, mean, std = _build(settings)
        self.parts, self.classification_head, channels, head_channels = _cut(network, settings.name)
        self.channels, self.classification_channels = channels, head_channels
        self.output_stride = settings.output_stride
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self._freeze_batch_norm = settings.freeze_batch_norm
        self._frozen_parts = settings.frozen_stages
        if settings.frozen_stages > len(self.parts):
            raise InputError(
                f"backbone.frozen_stages is {settings.frozen_stages}, but {settings.name} has {len(self.parts)} stages"
            )
        # folding would train the scale of resnet38d's normalisation along, which the paper keeps
        if settings.freeze_batch_norm and settings.name != RESNET38D:
            fold_batch_norm(self)
        for part in self.parts[: self._frozen_parts]:
            part.requires_grad_(False)
        self.train(self.training)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, channels, h, w) of images (N, 3, H, W) in [0, 1]; h is about H / output_stride."""
        features = (images - self.mean) / self.std
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._frozen_parts == 0):
            for part in self.parts[: self._frozen_parts]:
                features = part(features)
        for part in self.parts[self._frozen_parts :]:
            features = part(features)
        return features

    def train(self, mode: bool = True) -> Backbone:
        """Training mode for what is trained; frozen parts and frozen batch normalisation stay as they are."""
        super().train(mode)
        for part in self.parts[: self._frozen_parts]:
            part.eval()
        if self._freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
                    module.requires_grad_(False)
        return self


def _build(settings: config.Backbone) -> tuple[Any, tuple[float, ...], tuple[float, ...]]:
    """The whole network with its weights, and the mean and deviation it expects of RGB in [0, 1]."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    packaged = settings.weights == "auto" and settings.name in PACKAGED
    download = settings.weights == "auto" and not packaged
    if settings.name == RESNET38D:
        return _resnet38d(settings), IMAGENET_MEAN, IMAGENET_STD
    if settings.name in TORCHVISION:
        network = _torchvision(settings, download)
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    else:
        network = _timm(settings, download)
        mean, std = network.pretrained_cfg["mean"], network.pretrained_cfg["std"]
    if settings.name in PACKAGED:
        # these weights come from another training than timm's, which normalised by (x - 127) / 128
        mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    if packaged:
        load_packaged(network, settings.name)
    elif settings.weights not in ("auto", "none"):
        load_state_file(network, settings.weights)
    return network, mean, std


def _resnet38d(settings: config.Backbone) -> ResNet38d:
    if settings.weights == "auto":
        raise InputError(
            "backbone.weights is `auto`, but no package has the weights of resnet38d; give the path of the published "
            "file (`ilsvrc-cls_rna-a1_cls1000_ep-0001.params`, or a .pth made from it), or `none`"
        )
    network = load_library_network(settings.name, lambda: ResNet38d(settings.output_stride))
    if settings.weights != "none":
        network.load_state_dict(read_resnet38d(settings.weights))
    return network


def _torchvision(settings: config.Backbone, download: bool) -> Any:
    from torchvision.models import get_model

    dilate = [False, settings.output_stride <= 8, settings.output_stride <= 16]
    weights = "DEFAULT" if download else None
    return load_library_network(
        settings.name, lambda: get_model(settings.name, weights=weights, replace_stride_with_dilation=dilate)
    )


def _timm(settings: config.Backbone, download: bool) -> Any:
    import timm

    if not timm.is_model(settings.name):
        close = timm.list_models(f"*{settings.name.split('_')[0]}*")[:5]
        hint = f"; similar: {', '.join(close)}" if close else ""
        known = ", ".join((RESNET38D, *TORCHVISION))
        raise InputError(f"backbone.name `{settings.name}` is neither one of {known} nor in timm{hint}")
    stride: dict[str, Any] = {} if settings.output_stride == 32 else {"output_stride": settings.output_stride}
    return load_library_network(settings.name, lambda: timm.create_model(settings.name, pretrained=download, **stride))


def _cut(network: Any, name: str) -> tuple[nn.ModuleList, nn.Module, int, int]:
    """The network's parts in order, what it has between features and pooling, and the channels of both."""
    if isinstance(network, ResNet38d):
        return nn.ModuleList(network.stages()), nn.Identity(), CHANNELS, CHANNELS
    if hasattr(network, "layer4"):
        names = ("conv1", "bn1", "relu", "act1", "maxpool")
        stem = [getattr(network, child) for child in names if hasattr(network, child)]
        parts = [nn.Sequential(*stem), network.layer1, network.layer2, network.layer3, network.layer4]
        channels = network.fc.in_features
        return nn.ModuleList(parts), nn.Identity(), channels, channels
    if hasattr(network, "conv_stem") and hasattr(network, "bn2"):
        parts = [nn.Sequential(network.conv_stem, network.bn1), *network.blocks]
        channels = network.conv_head.in_channels
        return nn.ModuleList(parts), nn.Sequential(network.conv_head, network.bn2), channels, network.num_features
    if hasattr(network, "stem") and hasattr(network, "stages"):
        channels = network.num_features
        return nn.ModuleList([network.stem, *network.stages]), nn.Identity(), channels, channels
    raise InputError(
        f"backbone.name `{name}` is of a family that is not cut into stages yet; take a ResNet, EfficientNet, "
        "ConvNeXt or RegNet-like network"
    )


def named_backbone(name: str) -> config.Backbone:
    """Settings of a backbone of which only the name is given.

    The weights are those of a package where there is one and else random ones; `resnet38d` has stride 8 and its first
    convolution frozen, as both methods train it.
    """
    weights = "auto" if name in PACKAGED else "none"
    if name == RESNET38D:
        return config.Backbone(name=name, weights=weights, output_stride=8, frozen_stages=1)
    return config.Backbone(name=name, weights=weights)
