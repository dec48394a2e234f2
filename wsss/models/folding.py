"""Folding frozen batch normalisation into the convolution before it: the same function in less time."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from wsss.models.norm_relu import activation_of


def fold_batch_norm(network: nn.Module) -> int:
    """Replace conv-norm pairs by one convolution with bias, in place, and return how many.

    A pair is a convolution and the batch normalisation registered right after it under the same parent, which is
    how ResNets and EfficientNets of torchvision and timm are written. What the normalisation does beside normalising
    stays in its place (see `activation_of`).
    """
    count = 0
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (_, conv), (norm_name, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and _is_norm_of(norm, conv):
                _fold(conv, norm)
                setattr(parent, norm_name, activation_of(norm))
                count += 1
    return count


def _is_norm_of(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> bool:
    return norm.num_features == conv.out_channels and norm.track_running_stats


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    conv.weight = nn.Parameter(weight.detach().clone())
    conv.bias = nn.Parameter(torch.as_tensor(bias).detach().clone())
