"""A copy of the network that learns, for making masks: its moving average, or what it started as."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Generic

import torch
from torch import Tensor, nn

from wsss.models.network import NetworkType


class MaskTeacher(nn.Module, Generic[NetworkType]):
    """A copy of a network that has no gradient.

    Args:
        network: Copied as it is now.
        momentum: How much of the copy each call of `follow` keeps; 1 keeps it all.

    Attributes:
        network: The copy. It is in training mode where a training puts it there.
    """

    def __init__(self, network: NetworkType, momentum: float) -> None:
        super().__init__()
        self.network: NetworkType = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self._learning = [name for name, value in network.named_parameters() if value.requires_grad]
        self._momentum = momentum

    @torch.no_grad()
    def follow(self, network: NetworkType) -> None:
        """Mix the weights of the network that learns into the copy."""
        if self._momentum == 1:
            return
        own, theirs = dict(self.network.named_parameters()), dict(network.named_parameters())
        for name in self._learning:
            own[name].lerp_(theirs[name], 1 - self._momentum)

    def state(self) -> dict[str, Tensor]:
        """Return what a stopped training needs to go on; empty where the copy never changes."""
        own = dict(self.network.named_parameters())
        return {} if self._momentum == 1 else {name: own[name].cpu().clone() for name in self._learning}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over the result of `state`."""
        own = dict(self.network.named_parameters())
        for name, value in state.items():
            own[name].copy_(value)
