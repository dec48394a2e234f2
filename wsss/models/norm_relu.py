"""Batch normalisation followed by ReLU; where it is not trained, in half the memory of a training step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class NormReLU(nn.BatchNorm2d):
    """Batch normalisation, then ReLU.

    Where the normalisation is frozen, the backward pass of both needs only their result, which the convolution after
    them keeps anyway. PyTorch's own modules would also keep the features before them.

    Args:
        channels: Of the features.

    Attributes:
        act: The ReLU, under the name that timm's own such modules give to their activation.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features (N, C, h, w) and apply ReLU: (N, C, h, w), not negative."""
        frozen = not self.training and not self.weight.requires_grad and not self.bias.requires_grad
        if frozen and torch.is_grad_enabled() and features.requires_grad:
            return _FrozenNormReLU.apply(
                features, self.running_mean, self.running_var, self.weight, self.bias, self.eps
            )
        return self.act(super().forward(features))


def activation_of(norm: nn.BatchNorm2d) -> nn.Module:
    """Return what a batch normalisation does after normalising, an identity where that is nothing.

    Whatever takes the place of the normalisation alone has to keep it: a ReLU that is lost is no error, only another
    function.

    Raises:
        TypeError: If it is of a class that may do something else.
    """
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    activation, drop = getattr(norm, "act", None), getattr(norm, "drop", nn.Identity())
    if not isinstance(activation, nn.Module):
        raise TypeError(f"it is not known what {type(norm).__name__} does beside normalising")
    # timm drops before the activation
    return activation if isinstance(drop, nn.Identity) else nn.Sequential(drop, activation)


class _FrozenNormReLU(torch.autograd.Function):
    """Differentiable in the features alone."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor, epsilon: float
    ) -> Tensor:
        result = functional.batch_norm(features, mean, variance, weight, bias, False, 0.0, epsilon).relu_()
        ctx.save_for_backward(result, weight * (variance + epsilon).rsqrt())
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        result, scale = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, result, 0)
        return passed.mul_(scale.to(passed.dtype).view(1, -1, 1, 1)), None, None, None, None, None
