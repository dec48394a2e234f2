"""Gradients of depthwise convolutions that are fast on a CPU.

oneDNN has fast kernels for the gradients of 3 x 3 depthwise convolutions of stride 1 without dilation, and slow ones
for all others: ten to thirty times the time of a forward pass, in bf16 twice that. Here these gradients come out of the
fast kernels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


def convolve_dilated(features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Convolve maps (N, C, h, w) at stride 1, padded to keep their size, by kernels (C, 1, 3, 3) or (C, 1, 5, 5).

    Args:
        features: Maps whose sides `dilation` divides.
        weight: The kernels.
        bias: (C,), or None.
        dilation: Of the kernels.
    """
    return _Depthwise.apply(features, weight, bias, dilation)


def convolve_strided(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve maps (N, C, h, w) at stride 2, without padding, by kernels (C, 1, 3, 3) or (C, 1, 5, 5)."""
    return _Strided.apply(features, weight, bias)


class _Depthwise(torch.autograd.Function):
    """A convolution of stride 1 that keeps the size."""

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


class _Strided(torch.autograd.Function):
    """A convolution of stride 2 without padding.

    Even and odd rows and columns see kernels of their own, of at most 3 x 3, at stride 1: four times the channels.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.has_bias = bias is not None
        return functional.conv2d(features, weight, bias, 2, groups=weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        (height, width), kernel = features.shape[2:], weight.shape[-1]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_features = of_weight = of_bias = None
        repeated = gradient.repeat(1, 4, 1, 1).contiguous(memory_format=torch.channels_last)
        # rows and columns of the parts, with those that a 3 x 3 kernel reads beyond the last place
        rows, columns = gradient.shape[2] + 2, gradient.shape[3] + 2
        # a kernel of 5 is one of 6 whose last row and column are 0
        parts = _divided(functional.pad(weight, (0, 6 - kernel, 0, 6 - kernel)).transpose(0, 1))
        kernels = parts.transpose(0, 1).contiguous()
        if ctx.needs_input_grad[0]:
            found = functional.conv2d(repeated, kernels.flip(2, 3), None, 1, 2, 1, len(kernels))
            of_features = _joined(found)[:, :, :height, :width]
            beyond = (0, max(0, width - of_features.shape[3]), 0, max(0, height - of_features.shape[2]))
            of_features = functional.pad(of_features, beyond)
        if ctx.needs_input_grad[1]:
            padded = functional.pad(features, (0, 2 * columns - width, 0, 2 * rows - height))
            found = _of_three(_divided(padded), repeated, kernels)
            of_weight = _joined(found.transpose(0, 1)).transpose(0, 1)[:, :, :kernel, :kernel]
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_features, of_weight, of_bias


def _convolve(features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] // 2)
    return functional.conv2d(features, weight, bias, 1, padding, dilation, weight.shape[0])


def _divided(maps: Tensor) -> Tensor:
    """Put even and odd rows and columns of maps (N, C, 2 h, 2 w) beside each other: (N, 4 C, h, w)."""
    count, channels, height, width = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(count, height // 2, 2, width // 2, 2, channels)
    parts = rows.permute(0, 1, 3, 2, 4, 5).reshape(count, height // 2, width // 2, 4 * channels)
    return parts.permute(0, 3, 1, 2)


def _joined(parts: Tensor) -> Tensor:
    """Undo `_divided`."""
    count, channels, height, width = parts.shape
    rows = parts.permute(0, 2, 3, 1).reshape(count, height, width, 2, 2, channels // 4)
    maps = rows.permute(0, 1, 3, 2, 4, 5).reshape(count, 2 * height, 2 * width, channels // 4)
    return maps.permute(0, 3, 1, 2)


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
