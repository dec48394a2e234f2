"""Exchange between the processes of one training, one per device, beside their gradients."""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from wsss.data.loaders import process_share


def several_processes() -> bool:
    """Return whether this training has more than one process."""
    return process_share()[1] > 1


def is_first() -> bool:
    """Return whether this process writes the files: it is the first, or the only one."""
    return process_share()[0] == 0


def summed(values: Tensor) -> Tensor:
    """Sum over all processes; return the values themselves where there is one. Every process must call it."""
    if not several_processes():
        return values
    total = values.detach().clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total
