"""Fast gradients of depthwise convolutions are those of PyTorch; tests of `wsss.models.depthwise` ask further ones."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.models.test_depthwise import CHANNELS, gradients
from wsss.ops.depthwise_gradients import convolve_dilated, convolve_strided


class Dilated(nn.Conv2d):
    """A convolution of stride 1 that keeps the size, by the fast gradients."""

    def forward(self, features: Tensor) -> Tensor:
        return convolve_dilated(features, self.weight, self.bias, self.dilation[0])


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_gradients_at_stride_1_are_those_of_pytorch(kernel: int, dilation: int):
    plain = nn.Conv2d(CHANNELS, CHANNELS, kernel, 1, dilation * (kernel // 2), dilation, groups=CHANNELS)
    fast = copy.deepcopy(plain)
    fast.__class__ = Dilated
    features, of_result = torch.randn(2, CHANNELS, 6, 8), torch.randn(2, CHANNELS, 6, 8)
    for expected, found in zip(
        gradients(plain, features, of_result), gradients(fast, features, of_result), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


class Strided(nn.Conv2d):
    """A convolution of stride 2 without padding, by the fast gradients."""

    def forward(self, features: Tensor) -> Tensor:
        return convolve_strided(features, self.weight, self.bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (5, 8), (5, 5)])
@pytest.mark.parametrize("kernel", [3, 5])
def test_gradients_at_stride_2_are_those_of_pytorch(kernel: int, size: tuple[int, int], bias: bool):
    plain = nn.Conv2d(CHANNELS, CHANNELS, kernel, 2, groups=CHANNELS, bias=bias)
    fast = copy.deepcopy(plain)
    fast.__class__ = Strided
    features = torch.randn(2, CHANNELS, *size)
    of_result = torch.randn_like(plain(features))
    for expected, found in zip(
        gradients(plain, features, of_result), gradients(fast, features, of_result), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
