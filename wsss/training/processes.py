"""Exchange between the processes of one training, one per device, beside their gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

from wsss.data.loaders import process_share
from wsss.losses.whole_batch import ALONE, WholeBatch


def several_processes() -> bool:
    """Return whether this training has more than one process."""
    return process_share()[1] > 1


def is_first() -> bool:
    """Return whether this process writes the files: it is the first, or the only one."""
    return process_share()[0] == 0


def summed(values: Tensor) -> Tensor:
    """Sum over all processes, differentiably; return the values themselves where there is one.

    Every process must call it, in the same order among its other calls, as it must all functions below.
    """
    return _Summed.apply(values) if several_processes() else values


def averaged(values: Tensor) -> Tensor:
    """Average over all processes, differentiably; return the values themselves where there is one."""
    return summed(values) / process_share()[1] if several_processes() else values


def whole_batch() -> WholeBatch:
    """Return what a loss needs to be that of the batch of all processes."""
    return WholeBatch(summed, process_share()[1]) if several_processes() else ALONE


def gathered(part: Tensor) -> Tensor:
    """Join the parts (N, ...) of a batch to the whole, (N * processes, ...), in the order that one process has."""
    if not several_processes():
        return part
    part = part.contiguous()
    parts = [torch.empty_like(part) for _ in range(process_share()[1])]
    distributed.all_gather(parts, part)
    return torch.stack(parts, 1).flatten(0, 1)


def own_part(whole: Tensor) -> Tensor:
    """Return this process's part of a batch (N, ...), as the loader shares it out."""
    rank, processes = process_share()
    return whole[rank::processes]


class _Summed(torch.autograd.Function):
    """A sum over processes: what each of them adds to it acts on the losses of all."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Summed.forward(ctx, gradient)
