"""The families of backbones: how the networks of each are built, filled, cut into parts, and normalised."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from torch import nn

from wsss import config
from wsss.errors import InputError
from wsss.models.pretrained import load_library_network, load_packaged, load_state_file
from wsss.models.resnet38d import CHANNELS, STRIDES, ResNet38d
from wsss.models.resnet38d_weights import load_resnet38d


@dataclass(frozen=True)
class Normalization:
    """Mean and deviation, by channel, that a network expects of RGB in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Cut:
    """A network without its classifier.

    Attributes:
        parts: The modules that make the features, one after the other; the stem is the first.
        channels: Of the features.
        head: The layers between features and pooling.
        head_channels: Channels after that.
    """

    parts: list[nn.Module]
    channels: int
    head: nn.Module
    head_channels: int


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Family:
    """Networks that are built and cut in one way.

    Attributes:
        title: Its name in messages.
        names: Its networks; empty for all names that timm knows.
        children: Children that its networks have; these tell families apart that share names.
        build: Makes a network, of its name, its output stride, and whether its weights are to be downloaded. Families
            that share names share it.
        cut: Cuts such a network.
        strides: Output strides that its networks can have, as far as that does not depend on the network.
        normalization: Mean and deviation of their input; None takes timm's for each network.
        folds: Whether frozen batch normalisation may be folded into the convolutions.
        load_packaged: With `weights: auto`, fills a network of this name from a package; None downloads its weights.
        weights_url: With `weights: auto`, says where the library downloads the weights of this name from, to where
            `torch.hub` keeps them; None leaves that to the library.
        refusal: With `weights: auto`, why there are none; empty where there are.
        load_file: With a path as `weights`, fills a network from that file.
        by_name: Settings where only a name is given.
    """

    title: str
    build: Callable[[str, int, bool], Any]
    cut: Callable[[Any], Cut]
    names: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    strides: tuple[int, ...] = (8, 16, 32)
    normalization: Normalization | None = None
    folds: bool = True
    load_packaged: Callable[[nn.Module, str], None] | None = None
    weights_url: Callable[[str], str] | None = None
    refusal: str = ""
    load_file: Callable[[Any, str], None] = load_state_file
    by_name: Mapping[str, Any] = field(default_factory=lambda: {"weights": "none"})

    def matches(self, name: str) -> bool:
        """Return whether a network of this name may be one of the family."""
        if self.names:
            return name in self.names
        import timm

        return timm.is_model(name)

    def network(self, settings: config.BackboneSettings) -> Any:
        """Build the whole network with its weights.

        Raises:
            InputError: If it cannot have the stride, or the weights cannot be had or do not fit.
        """
        name, stride, auto = settings.name, settings.output_stride, settings.weights == "auto"
        if stride not in self.strides:
            able = " or ".join(map(str, self.strides))
            raise InputError(f"backbone.output_stride is {stride}, but {name} can have {able}; take one of these")
        if auto and self.refusal:
            raise InputError(f"backbone.weights is `auto`, but {self.refusal}")
        download = auto and self.load_packaged is None
        network = load_library_network(name, lambda: self.build(name, stride, download))
        if auto and self.load_packaged is not None:
            self.load_packaged(network, name)
        elif settings.weights not in ("auto", "none"):
            self.load_file(network, settings.weights)
        return network

    def normalization_of(self, network: Any) -> Normalization:
        """Return the mean and deviation that a network of the family expects of its input."""
        if self.normalization is not None:
            return self.normalization
        return Normalization(network.pretrained_cfg["mean"], network.pretrained_cfg["std"])


def build_network(settings: config.BackboneSettings) -> tuple[Family, Any]:
    """Build a network with its weights; also return the family that cuts it.

    Raises:
        InputError: If the name is unknown, the network cannot have that stride or is of no known family, or the weights
            cannot be had or do not fit.
    """
    families = _families(settings.name)
    first = next(families)
    network = first.network(settings)
    for family in chain([first], families):
        if all(hasattr(network, child) for child in family.children):
            return family, network
    raise InputError(
        f"backbone.name `{settings.name}` is of a family that is not cut into stages yet; take one of "
        f"{', '.join(family.title for family in FAMILIES)}"
    )


def named_backbone(name: str) -> config.BackboneSettings:
    """Return the settings of a backbone of which only the name is given.

    Raises:
        InputError: If the name is unknown.
    """
    return config.BackboneSettings(name=name, **family_of(name).by_name)


def family_of(name: str) -> Family:
    """Return the family that builds a network of this name.

    Raises:
        InputError: If the name is unknown.
    """
    return next(_families(name))


def _families(name: str) -> Iterator[Family]:
    """Yield the families that a network of this name may belong to, one at least."""
    found = False
    for family in FAMILIES:
        if family.matches(name):
            found = True
            yield family
    if not found:
        import timm

        known = [known for family in FAMILIES for known in family.names]
        close = difflib.get_close_matches(name, sorted({*known, *timm.list_models()}), n=5)
        close = close or timm.list_models(f"*{name.split('_')[0]}*")[:5]
        hint = f"; similar: {', '.join(close)}" if close else ""
        raise InputError(f"backbone.name `{name}` is neither one of {', '.join(known)} nor in timm{hint}")


def _build_resnet38d(name: str, stride: int, download: bool) -> ResNet38d:
    return ResNet38d(stride)


def _build_torchvision(name: str, stride: int, download: bool) -> Any:
    from torchvision.models import get_model

    dilate = [False, stride <= 8, stride <= 16]
    return get_model(name, weights="DEFAULT" if download else None, replace_stride_with_dilation=dilate)


def _url_of_torchvision(name: str) -> str:
    from torchvision.models import get_model_weights

    return str(get_model_weights(name)["DEFAULT"].url)


def _build_timm(name: str, stride: int, download: bool) -> Any:
    import timm

    # not every network knows the argument; all have 32 without it
    strides: dict[str, Any] = {} if stride == 32 else {"output_stride": stride}
    return timm.create_model(name, pretrained=download, **strides)


def _cut_resnet38d(network: ResNet38d) -> Cut:
    return Cut(network.stages(), CHANNELS, nn.Identity(), CHANNELS)


def _cut_resnet(network: Any) -> Cut:
    names = ("conv1", "bn1", "relu", "act1", "maxpool")
    stem = nn.Sequential(*(getattr(network, name) for name in names if hasattr(network, name)))
    channels = network.fc.in_features
    parts = [stem, network.layer1, network.layer2, network.layer3, network.layer4]
    return Cut(parts, channels, nn.Identity(), channels)


def _cut_efficientnet(network: Any) -> Cut:
    parts = [nn.Sequential(network.conv_stem, network.bn1), *network.blocks]
    head = nn.Sequential(network.conv_head, network.bn2)
    return Cut(parts, network.conv_head.in_channels, head, network.num_features)


def _cut_stages(network: Any) -> Cut:
    return Cut([network.stem, *network.stages], network.num_features, nn.Identity(), network.num_features)


FAMILIES = (
    Family(
        "resnet38d",
        names=("resnet38d",),
        build=_build_resnet38d,
        cut=_cut_resnet38d,
        strides=STRIDES,
        normalization=IMAGENET,
        # folded, the scale of its normalisation would be trained too, which the paper keeps
        folds=False,
        refusal="no package has the weights of resnet38d; give the path of the published file "
        "(`ilsvrc-cls_rna-a1_cls1000_ep-0001.params`, or a .pth made from it), or `none`",
        load_file=load_resnet38d,
        # as both methods train it
        by_name={"weights": "none", "output_stride": 8, "frozen_stages": 1},
    ),
    Family(
        "EfficientNet-Lite0",
        names=("tf_efficientnet_lite0",),
        build=_build_timm,
        cut=_cut_efficientnet,
        # the packaged weights come from another training than timm's, which normalised by (x - 127) / 128
        normalization=Normalization((127 / 255,) * 3, (128 / 255,) * 3),
        load_packaged=load_packaged,
        by_name={"weights": "auto"},
    ),
    Family(
        "ResNet of torchvision",
        # its resnet18 and resnet34 cannot be dilated
        names=("resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2"),
        build=_build_torchvision,
        cut=_cut_resnet,
        weights_url=_url_of_torchvision,
        normalization=IMAGENET,
    ),
    Family("ResNet of timm", build=_build_timm, cut=_cut_resnet, children=("layer4",)),
    Family("EfficientNet of timm", build=_build_timm, cut=_cut_efficientnet, children=("conv_stem", "bn2")),
    # others with stem and stages, as ResNetV2, have a norm after them that this would leave out
    Family("ConvNeXt of timm", build=_build_timm, cut=_cut_stages, children=("stem", "stages", "norm_pre")),
)
"""All families; of those that match a name, the first builds its network."""
