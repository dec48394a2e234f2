"""Depthwise convolutions: fast gradients on a CPU, and no time for planning on a GPU.

EfficientNets have 5 x 5 kernels and strides, and a small output stride needs dilation; `wsss.ops.depthwise_gradients`
says why that matters on a CPU. On a GPU, cuDNN plans a depthwise convolution anew for every shape of features, and
photographs have many.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss.ops.depthwise_gradients import convolve_dilated, convolve_strided

STRIDES = (1, 2)


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution, a drop-in for `nn.Conv2d`, with its parameters and results.

    Attributes:
        pads_like_tensorflow: Whether the padding depends on the size of the features, the odd row and column last.
        has_slow_gradients: Whether PyTorch's gradients are slow on a CPU, so that there are others.
    """

    pads_like_tensorflow = False
    has_slow_gradients = False

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features (N, C, h, w), each channel by its own kernel."""
        weight, bias, padding = self.weight, self.bias, _two(self.padding)
        if self.pads_like_tensorflow:
            features = _padded(features, self.kernel_size[0], self.stride[0], self.dilation[0])
        if features.device.type == "cuda":
            # what lies channels last is cuDNN's, whatever its kind; a view says that these kernels do not
            features, weight = features.contiguous(), weight.flatten().view(weight.shape)
            found = functional.conv2d(features, weight, bias, self.stride, padding, self.dilation, self.groups)
            # as the convolution after it takes them
            return found.contiguous(memory_format=torch.channels_last)
        if not self._speeds_up(features):
            return functional.conv2d(features, weight, bias, self.stride, padding, self.dilation, self.groups)
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            features, weight = features.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        if self.stride[0] == 1:
            return convolve_dilated(features, weight, bias, self.dilation[0])
        return convolve_strided(functional.pad(features, (padding[1],) * 2 + (padding[0],) * 2), weight, bias)

    def _speeds_up(self, features: Tensor) -> bool:
        """Tell whether a gradient is to be sped up: on a CPU; of maps that dilation divides, or strides in bf16."""
        if not self.has_slow_gradients or features.device.type != "cpu":
            return False
        learns = torch.is_grad_enabled() and (features.requires_grad or self.weight.requires_grad)
        if self.stride[0] > 1:
            fits = torch.is_autocast_enabled("cpu")
        else:
            fits = not any(side % self.dilation[0] for side in features.shape[2:])
        return learns and fits


def speed_up_depthwise(network: nn.Module) -> int:
    """Turn the depthwise convolutions of a network into `DepthwiseConv2d`, in place.

    Returns:
        How many these are.
    """
    found = [module for module in network.modules() if isinstance(module, nn.Conv2d) and _is_depthwise(module)]
    for module in found:
        same, slow = _is_same(module), _has_slow_gradients(module)
        module.__class__ = DepthwiseConv2d
        assert isinstance(module, DepthwiseConv2d)
        module.pads_like_tensorflow, module.has_slow_gradients = same, slow
    return len(found)


def pads_like_tensorflow(module: nn.Module) -> bool:
    """Return whether the padding of a convolution depends on the size of the features, the odd row and column last."""
    return _is_same(module) or (isinstance(module, DepthwiseConv2d) and module.pads_like_tensorflow)


def _is_same(module: nn.Module) -> bool:
    # timm's; by its name, so that networks without it do not load timm
    return type(module).__name__ == "Conv2dSame"


def _is_depthwise(module: nn.Conv2d) -> bool:
    """Tell whether it is a depthwise convolution that does the same to rows and columns, and pads by zeros."""
    if not (type(module) is nn.Conv2d or _is_same(module)):
        return False
    if any(len({*sides}) > 1 for sides in (module.kernel_size, module.dilation, module.stride)):
        return False
    plain = not isinstance(module.padding, str) and module.padding_mode == "zeros"
    return plain and module.groups == module.in_channels == module.out_channels > 1


def _has_slow_gradients(module: nn.Conv2d) -> bool:
    """Tell whether a depthwise one has a 5 x 5 kernel, stride 2, or dilation at stride 1 that keeps the size."""
    kernel, dilation, stride = module.kernel_size[0], module.dilation[0], module.stride[0]
    if kernel not in (3, 5) or stride not in STRIDES:
        return False
    if stride == 1:
        keeps_size = not _is_same(module) and module.padding == (dilation * (kernel - 1) // 2,) * 2
        return keeps_size and (kernel, dilation) != (3, 1)
    return dilation == 1


def _two(padding: str | tuple[int, ...]) -> tuple[int, int]:
    assert not isinstance(padding, str)
    return padding[0], padding[1]


def _padded(features: Tensor, kernel: int, stride: int, dilation: int) -> Tensor:
    """Pad maps (N, C, h, w) to what makes ceil(h / stride) rows and ceil(w / stride) columns."""
    reach = (kernel - 1) * dilation + 1
    missing = [max((-(-side // stride) - 1) * stride + reach - side, 0) for side in features.shape[2:]]
    (top, left), (rows, columns) = (side // 2 for side in missing), missing
    return functional.pad(features, (left, columns - left, top, rows - top))
