"""Where features respond: backbones whose layers average evenly, and the centre of what one feature sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsss.models import Backbone

WIDTH = 768
"""Width of the image, in pixels: no feature in the middle sees the border of most networks."""


def average_evenly(module: nn.Module) -> None:
    """Make every convolution and maximum a mean, and everything else that keeps the place an identity, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        elif isinstance(child, (nn.Conv2d, nn.Linear)):
            _fill(child)
        elif _keeps_the_place(child):
            setattr(module, name, nn.Identity())
        else:
            average_evenly(child)
    for name, parameter in module.named_parameters(recurse=False):
        if name == "gamma":
            nn.init.ones_(parameter)


def centre_of_response(backbone: Backbone, column: int) -> float:
    """Return the column, in pixels, on which a feature's response to the input is centred."""
    images = torch.rand(1, 3, 64, WIDTH, requires_grad=True)
    features = backbone(images)
    features[0, :, 0, column].sum().backward()
    assert images.grad is not None
    response = images.grad.abs().sum((0, 1, 2)).double()
    return float((response * torch.arange(WIDTH)).sum() / response.sum())


def _fill(layer: nn.Conv2d | nn.Linear) -> None:
    weight: Tensor = layer.weight
    with torch.no_grad():
        weight.zero_()
        # one row alone: branches beside each other would lose different parts to the padding of few rows
        taps = weight[:, :, weight.shape[2] // 2] if weight.ndim == 4 else weight
        taps.fill_(1 / taps[0].numel())
        if layer.bias is not None:
            layer.bias.zero_()


def _keeps_the_place(module: nn.Module) -> bool:
    kind = type(module).__name__
    if any(word in kind for word in ("Norm", "SqueezeExcite")):
        return True
    return not list(module.children()) and not isinstance(module, (nn.AvgPool2d, nn.Sequential, nn.ModuleList))
