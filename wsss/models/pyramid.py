"""Atrous spatial pyramid pooling, whose pooled branch leaves padding out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from wsss.ops.padding import spatial_mean

if TYPE_CHECKING:
    from torchvision.models.segmentation.deeplabv3 import ASPP


def pyramid(in_channels: int, channels: int, atrous_rates: tuple[int, ...], dropout: float) -> ASPP:
    """Build torchvision's pyramid (DeepLabV3, Chen et al. 2017): a 1 x 1, dilated 3 x 3 and a pooled branch, joined.

    Args:
        in_channels: Of the features.
        channels: Of each branch, and of what they are joined to.
        atrous_rates: Dilations of the 3 x 3 branches.
        dropout: Share of activations dropped at the end in training.
    """
    # torchvision takes seconds to import
    from torchvision.models.segmentation.deeplabv3 import ASPP

    built = ASPP(in_channels, list(atrous_rates), channels)
    for module in built.project:
        if isinstance(module, nn.Dropout):
            module.p = dropout
    return built


def apply_pyramid(module: ASPP, features: Tensor, inside: Tensor | None = None) -> Tensor:
    """Compute the pyramid of features (N, D, h, w): (N, channels, h, w).

    Args:
        module: Of `pyramid`.
        features: Of the backbone.
        inside: (N, 1, h, w) bool, False on padding, which is not pooled; None is all.
    """
    *parallel, pooling = module.convs
    pooled = spatial_mean(features, inside)
    # torchvision's own pooling, the first layer, would take padding in
    for layer in list(pooling)[1:]:
        pooled = layer(pooled)
    branches = [*(convolution(features) for convolution in parallel), pooled.expand(-1, -1, *features.shape[2:])]
    return module.project(torch.cat(branches, dim=1))
