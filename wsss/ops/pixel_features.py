"""Where pixels lie in the space of a kernel: positions and colours, divided by the kernel's widths.

The lattice is not continuous: it blurs only over vertices that some point touches. A point on the border of two
simplices must fall on the same side on every device, so the features are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width of an image, in pixels."""


def pixel_positions(sizes: Sequence[Size], width: float, device: torch.device) -> Tensor:
    """Compute column and row of each pixel, divided by the width of the kernel.

    Args:
        sizes: Height and width of each image.
        width: Of the kernel, in pixels.
        device: Where to work.

    Returns:
        (2, P) float32 of the P pixels of all images, one image after the other, row by row.
    """
    grids = {size: _grid(size, width, device) for size in set(sizes)}
    return torch.cat([grids[size] for size in sizes], 1)


def _grid(size: Size, width: float, device: torch.device) -> Tensor:
    rows, columns = (divided(torch.arange(extent, dtype=torch.float32, device=device), width) for extent in size)
    return torch.stack([columns.repeat(size[0]), rows.repeat_interleave(size[1])])


def divided(values: Tensor, width: float) -> Tensor:
    """Divide by a number, float32, with the same last bit on every device.

    By a Python number, or a tensor of one number on the CPU, PyTorch on CUDA multiplies by the reciprocal instead
    (aten, BinaryDivTrueKernel.cu).
    """
    return values.float() / torch.full((1,), width, dtype=torch.float32, device=values.device)
