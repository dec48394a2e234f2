"""Depthwise convolutions are those of PyTorch."""

from __future__ import annotations

import copy

import pytest
import torch
from timm.layers import Conv2dSame
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


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (2, 2), (1, 5)])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("tensorflow", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_paddings_at_stride_2_are_those_of_pytorch_and_timm(
    kernel: int, size: tuple[int, int], tensorflow: bool, half: bool
):
    kind, padding = (Conv2dSame, 0) if tensorflow else (nn.Conv2d, kernel // 2)
    plain = kind(CHANNELS, CHANNELS, kernel, 2, padding, groups=CHANNELS)
    fast = copy.deepcopy(plain)
    assert speed_up_depthwise(nn.Sequential(fast)) == 1
    assert isinstance(fast, DepthwiseConv2d)
    features = torch.randn(2, CHANNELS, *size)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        torch.testing.assert_close(fast(features), plain(features))


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_in_mixed_precision_are_those_of_pytorch(stride: int):
    plain = nn.Conv2d(CHANNELS, CHANNELS, 5, stride, 2, groups=CHANNELS)
    fast = copy.deepcopy(plain)
    speed_up_depthwise(nn.Sequential(fast))
    features = torch.randn(2, CHANNELS, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        of_result = torch.randn_like(plain(features))
        assert fast(features).dtype == of_result.dtype == torch.bfloat16
        pairs = zip(gradients(plain, features, of_result), gradients(fast, features, of_result), strict=True)
        for expected, found in pairs:
            assert found.dtype == expected.dtype
            # bf16 has 8 binary digits, and sums in another order round otherwise
            torch.testing.assert_close(found, expected, rtol=0.05, atol=0.1)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(4, 4, 5, padding=2),
        nn.Conv2d(4, 8, 5, padding=2, groups=4),
        nn.Conv2d(4, 4, (3, 5), padding=(1, 2), groups=4),
        nn.Conv2d(4, 4, 5, padding=2, groups=4, padding_mode="reflect"),
        nn.Conv2d(4, 4, 5, padding="same", groups=4),
    ],
)
def test_all_other_convolutions_stay_as_they_are(module: nn.Module):
    assert speed_up_depthwise(nn.Sequential(module)) == 0


@pytest.mark.parametrize(
    "plain",
    [
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 4, 5, stride=3, padding=2, groups=4),
        nn.Conv2d(4, 4, 5, stride=2, padding=4, dilation=2, groups=4),
        Conv2dSame(4, 4, 5, stride=1, groups=4),
        Conv2dSame(4, 4, 3, stride=1, dilation=2, groups=4),
        Conv2dSame(4, 4, 3, stride=2, dilation=2, groups=4),
        nn.Conv2d(4, 4, 5, groups=4),
        nn.Conv2d(4, 4, 7, padding=3, groups=4),
    ],
)
def test_pytorch_computes_gradients_that_are_fast_or_seldom(plain: nn.Conv2d):
    own = copy.deepcopy(plain)
    assert speed_up_depthwise(nn.Sequential(own)) == 1
    assert isinstance(own, DepthwiseConv2d) and not own.has_slow_gradients
    features = torch.randn(2, 4, 9, 12)
    of_result = torch.randn_like(plain(features))
    for expected, found in zip(gradients(plain, features, of_result), gradients(own, features, of_result), strict=True):
        assert torch.equal(found, expected)


def test_a_backbone_has_them_and_keeps_its_names():
    backbone = Backbone(config.BackboneSettings(weights="none"))
    fast = {name: module for name, module in backbone.named_modules() if isinstance(module, DepthwiseConv2d)}
    # of the 16 depthwise convolutions of EfficientNet-Lite0: 8 of 5 x 5 and a dilated 3 x 3 at stride 1, 3 of stride 2
    slow = [module.stride[0] for module in fast.values() if module.has_slow_gradients]
    assert slow.count(1) == 9 and len(slow) == 12 and len(fast) == 16
    assert all(f"{name}.weight" in backbone.state_dict() for name in fast)
