"""Depthwise convolutions whose backward pass is fast on a CPU.

oneDNN has fast kernels for the gradients of 3 x 3 depthwise convolutions without dilation, and slow ones for all
others: ten to thirty times the time of a forward pass. A small output stride needs dilation, and EfficientNets have
5 x 5 kernels, so these gradients took a third of a training step. Here they come out of the fast kernels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that keeps the size; a drop-in for `nn.Conv2d`, with its parameters and results."""

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features (N, C, h, w), each channel by its own kernel: (N, C, h, w)."""
        if self._can_be_fast(features):
            return _Depthwise.apply(features, self.weight, self.bias, self.dilation[0])
        return super().forward(features)

    def _can_be_fast(self, features: Tensor) -> bool:
        """Tell whether there is a gradient to speed up, on a CPU, in 32 bits, of maps that dilation divides."""
        learns = torch.is_grad_enabled() and (features.requires_grad or self.weight.requires_grad)
        plain = features.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        return learns and plain and not any(side % self.dilation[0] for side in features.shape[2:])


def speed_up_depthwise(network: nn.Module) -> int:
    """Turn the depthwise convolutions of a network that have slow gradients into `DepthwiseConv2d`, in place.

    Returns:
        How many these are.
    """
    found = [module for module in network.modules() if type(module) is nn.Conv2d and _has_slow_gradients(module)]
    for module in found:
        module.__class__ = DepthwiseConv2d
    return len(found)


def _has_slow_gradients(module: nn.Conv2d) -> bool:
    """Tell whether it is depthwise, keeps the size, and has a dilated or a 5 x 5 kernel."""
    kernel, dilation = module.kernel_size[0], module.dilation[0]
    alike = len({*module.kernel_size}) == len({*module.dilation}) == 1 and module.stride == (1, 1)
    keeps_size = module.padding == (dilation * (kernel - 1) // 2,) * 2 and module.padding_mode == "zeros"
    depthwise = module.groups == module.in_channels == module.out_channels > 1
    return alike and keeps_size and depthwise and kernel in (3, 5) and (kernel, dilation) != (3, 1)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.dilation, ctx.has_bias = dilation, bias is not None
        return _convolve(features, weight, bias, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_features = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            # at stride 1, a convolution with the mirrored kernel
            of_features = _convolve(gradient, weight.flip(2, 3), None, ctx.dilation)
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(
                _interleaved(features, ctx.dilation), _interleaved(gradient, ctx.dilation), weight
            )
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_features, of_weight, of_bias, None


def _convolve(features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] // 2)
    return functional.conv2d(features, weight, bias, 1, padding, dilation, weight.shape[0])


def _interleaved(maps: Tensor, step: int) -> Tensor:
    """Divide maps (N, C, h, w) into those that a dilated kernel sees apart: (step^2 N, C, h / step, w / step)."""
    if step == 1:
        return maps
    count, channels, height, width = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(count, height // step, step, width // step, step, channels)
    parts = rows.permute(2, 4, 0, 1, 3, 5).reshape(step**2 * count, height // step, width // step, channels)
    return parts.permute(0, 3, 1, 2)


def _weight_gradient(features: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """Compute the gradient of kernels (C, 1, k, k) without dilation, from that of their 3 x 3 parts."""
    kernel = weight.shape[-1]
    padded = functional.pad(features, (kernel // 2,) * 4)
    size = gradient.shape[2] + 2, gradient.shape[3] + 2
    # the four corners of a 5 x 5 kernel cover it; where they overlap they agree
    corners = (0,) if kernel == 3 else (0, 2)
    result = torch.empty_like(weight)
    for top in corners:
        for left in corners:
            part = padded[:, :, top : top + size[0], left : left + size[1]].contiguous(
                memory_format=torch.channels_last
            )
            result[:, :, top : top + 3, left : left + 3] = _of_three(part, gradient, weight[:, :, :3, :3].contiguous())
    return result


def _of_three(features: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    """Compute the gradient of 3 x 3 kernels; the features (N, C, h + 2, w + 2) hold their padding."""
    channels = weight.shape[0]
    found = torch.ops.aten.convolution_backward(
        gradient, features, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], channels, [False, True, False]
    )
    return found[1]
