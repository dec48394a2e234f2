"""Depthwise convolutions with fast gradients are those of PyTorch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from wsss import config
from wsss.models.backbones import Backbone
from wsss.models.depthwise import DepthwiseConv2d, speed_up_depthwise

CHANNELS = 6


def convolution(kernel: int, dilation: int, *, bias: bool = True) -> nn.Conv2d:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(CHANNELS, CHANNELS, kernel, 1, padding, dilation, groups=CHANNELS, bias=bias)


def gradients(module: nn.Module, features: Tensor, of_result: Tensor) -> list[Tensor]:
    """The result, and the gradients of the features and of all parameters."""
    given = features.clone().requires_grad_()
    result = module(given)
    result.backward(of_result)
    assert given.grad is not None
    return [result.detach(), given.grad, *(p.grad for p in module.parameters() if p.grad is not None)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kernel", "dilation", "size"), [(5, 1, (6, 8)), (5, 2, (6, 8)), (3, 2, (4, 10)), (3, 4, (8, 8)), (5, 2, (5, 8))]
)
def test_results_and_gradients_are_those_of_pytorch(kernel: int, dilation: int, size: tuple[int, int], bias: bool):
    plain = convolution(kernel, dilation, bias=bias)
    fast = copy.deepcopy(plain)
    assert speed_up_depthwise(nn.Sequential(fast)) == 1
    assert isinstance(fast, DepthwiseConv2d)
    features, of_result = torch.randn(2, CHANNELS, *size), torch.randn(2, CHANNELS, *size)
    for expected, found in zip(
        gradients(plain, features, of_result), gradients(fast, features, of_result), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_frozen_weights_still_hand_the_gradient_on():
    plain = convolution(5, 2).requires_grad_(False)
    fast = copy.deepcopy(plain)
    speed_up_depthwise(nn.Sequential(fast))
    features, of_result = torch.randn(2, CHANNELS, 4, 4), torch.randn(2, CHANNELS, 4, 4)
    for expected, found in zip(
        gradients(plain, features, of_result), gradients(fast, features, of_result), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert fast.weight.grad is None


def test_mixed_precision_is_left_to_pytorch():
    fast = convolution(5, 2)
    speed_up_depthwise(nn.Sequential(fast))
    with torch.autocast("cpu", torch.bfloat16):
        result = fast(torch.randn(2, CHANNELS, 4, 4))
    assert result.dtype == torch.bfloat16
    result.float().sum().backward()
    assert fast.weight.grad is not None


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 4, 5, padding=2),
        nn.Conv2d(4, 4, 5, stride=2, padding=2, groups=4),
        nn.Conv2d(4, 8, 5, padding=2, groups=4),
        nn.Conv2d(4, 4, 5, groups=4),
        nn.Conv2d(4, 4, 7, padding=3, groups=4),
        nn.Conv2d(4, 4, (3, 5), padding=(1, 2), groups=4),
        nn.Conv2d(4, 4, 5, padding=2, groups=4, padding_mode="reflect"),
    ],
)
def test_all_other_convolutions_stay_as_they_are(module: nn.Module):
    assert speed_up_depthwise(nn.Sequential(module)) == 0


def test_a_backbone_has_them_and_keeps_its_names():
    backbone = Backbone(config.BackboneSettings(weights="none"))
    fast = [name for name, module in backbone.named_modules() if isinstance(module, DepthwiseConv2d)]
    # of the 16 depthwise convolutions of EfficientNet-Lite0: those of 5 x 5 at stride 1, and a dilated one of 3 x 3
    assert len(fast) == 9
    assert all(f"{name}.weight" in backbone.state_dict() for name in fast)
