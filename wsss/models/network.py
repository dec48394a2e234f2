"""The base of every network: its kind in checkpoints, its groups of parameters, its start from another network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from wsss.grid import FeatureGrid
from wsss.models.backbones import Backbone
from wsss.ops.padding import features_inside

NetworkType = TypeVar("NetworkType", bound="Network")
"""The class of a network that is expected."""


class Network(nn.Module):
    """A network on a backbone, which is its child `backbone`.

    Attributes:
        kind: Its name in checkpoints.
        backbone: The feature extractor.
        needed: Beginnings of the names that a state to start from must have, all of them in the network's shapes.
        unused: Beginnings of names that checkpoints of earlier versions may have, and the network has no use for.
    """

    kind: ClassVar[str]
    backbone: Backbone
    needed: ClassVar[tuple[str, ...]] = ("backbone.",)
    unused: ClassVar[tuple[str, ...]] = ()

    @property
    def grid(self) -> FeatureGrid:
        """Where features, and maps at their resolution, lie on the images."""
        return self.backbone.grid

    def features_inside(self, features: Tensor, inside: Tensor | None) -> Tensor | None:
        """Tell which features (N, D, h, w) are of a photograph, (N, 1, h, w) bool; None stands for all.

        Args:
            features: Of the backbone.
            inside: (N, H, W) bool, False on the padding of crops; None is all.
        """
        if inside is None:
            return None
        return features_inside(inside, (features.shape[2], features.shape[3]), self.grid)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters: `pretrained`, those of the backbone, and `new`."""
        return split_parameters(self, ("backbone.",))

    def start_from(self, state: Mapping[str, Tensor]) -> list[str]:
        """Take over every tensor of another network's state that has the same name and shape here.

        Args:
            state: State of a trained network on the same backbone.

        Returns:
            Names of the tensors that keep their own values.

        Raises:
            ValueError: If one of `needed` is not there in this shape; nothing is taken over then.
        """
        own = self.state_dict()
        fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
        kept = [name for name in own if name not in fitting]
        wrong = [name for name in kept if name.startswith(self.needed)]
        if wrong:
            raise ValueError(f"{len(wrong)} tensors are missing or of another shape, the first is `{wrong[0]}`")
        self.load_state_dict(fitting, strict=False)
        return kept

    def on(self, device: torch.device) -> Self:
        """Move the network to a device, in the memory layout in which its convolutions are fastest."""
        return self.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


NEVER = -1e4
"""Logit of what a pixel cannot be: its probability is 0 in every precision, and interpolation keeps it finite."""


class SegmentationNetwork(Network, ABC):
    """A network that segments; it may do more.

    Attributes:
        background: Whether a pixel can be background. Else its logit is `NEVER`, in training and after it, so that the
            probabilities of the classes add up to 1. Inferred.
    """

    background = True

    def among_classes(self, logits: Tensor) -> Tensor:
        """Leave background, the first of the logits (N, C + 1, h, w), out where no pixel can be it."""
        if self.background:
            return logits
        return torch.cat([torch.full_like(logits[:, :1], NEVER), logits[:, 1:]], 1)

    @abstractmethod
    def segment(self, images: Tensor) -> Tensor:
        """Return the best segmentation that the network has, and compute nothing else.

        Args:
            images: (N, 3, H, W) in [0, 1].

        Returns:
            Logits (N, C + 1, h, w), background first, at the resolution of the features.
        """


def split_parameters(network: nn.Module, pretrained: tuple[str, ...]) -> dict[str, list[nn.Parameter]]:
    """Return the trainable parameters of a network under `pretrained` and `new`, by the beginnings of their names."""
    groups: dict[str, list[nn.Parameter]] = {"pretrained": [], "new": []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups["pretrained" if name.startswith(pretrained) else "new"].append(parameter)
    return groups
