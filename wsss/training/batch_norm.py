"""Batch normalisation by the statistics of the whole batch, where several processes have a part of it each.

PyTorch's own conversion replaces every subclass of its batch normalisation by one that only normalises, without the
activation that such a class may have, and works on GPUs alone. This one computes the same on any device.
"""

from __future__ import annotations

import torch
from lightning.pytorch.plugins import LayerSync
from torch import Tensor, nn

from wsss.data.loaders import process_share
from wsss.models.norm_relu import activation_of
from wsss.training.processes import averaged, several_processes


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation in place of another, with its tensors and whatever it does after normalising.

    In training mode, mean and variance are those of the batch of all processes, each of which has as many values. A
    process alone, and evaluation mode, need no exchange.

    Args:
        norm: The one that it replaces.

    Raises:
        TypeError: If that is not of two dimensions, has no parameters or no moving averages, or it is not known what
            else it does.
    """

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm) -> None:
        kept = norm.affine and norm.track_running_stats and norm.momentum is not None
        if not isinstance(norm, nn.BatchNorm2d) or not kept:
            raise TypeError(f"only batch normalisation of maps, with parameters and moving averages: not {norm}")
        # no tensors of its own
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self._parameters, self._buffers = norm._parameters, norm._buffers
        self.activation = activation_of(norm)
        self.train(norm.training)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features (N, C, h, w) and apply the activation: (N, C, h, w)."""
        shared = self.training and several_processes()
        return self.activation(self._by_whole_batch(features) if shared else super().forward(features))

    def _by_whole_batch(self, features: Tensor) -> Tensor:
        # half precision has too few digits for sums over a batch
        values = features.float()
        own_variance, own_mean = torch.var_mean(values, (0, 2, 3), correction=0)
        mean = averaged(own_mean)
        variance = averaged(own_variance + (own_mean - mean).square())
        self._follow(mean, variance, process_share()[1] * values.numel() // values.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return torch.addcmul(shift[:, None, None], values, scale[:, None, None]).to(features.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics towards those of a batch of so many values per channel."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), self.momentum)


class SharedBatchNorms(LayerSync):
    """Makes every batch normalisation that is trained share its statistics, in trainings of several processes."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace them in place; those in evaluation mode are frozen and stay as they are."""
        for parent in list(model.modules()):
            for name, child in parent.named_children():
                if isinstance(child, SharedBatchNorm) or not child.training:
                    continue
                if isinstance(child, nn.modules.batchnorm._BatchNorm):
                    setattr(parent, name, SharedBatchNorm(child))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Leave the model as it is: a process alone computes the same with and without."""
        return model
