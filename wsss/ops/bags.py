"""Sparse matrices, row by row, as `torch.embedding_bag` takes them.

It adds weighted rows without writing the products down, on CPU and CUDA, each sum in a fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bags:
    """A sparse matrix, row by row.

    Row r sums `weights[e] * values[indices[e]]` over `offsets[r] <= e < offsets[r + 1]`; without weights, plain values.

    Attributes:
        indices: (E,) int32, the columns of the entries.
        offsets: (rows + 1,) int32, not falling, from 0 to E.
        weights: (E,) float32, or None.
    """

    indices: Tensor
    offsets: Tensor
    weights: Tensor | None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.offsets) - 1

    def sum(self, values: Tensor) -> Tensor:
        """Sum values (columns, C) float32, contiguous, into rows (rows, C)."""
        return torch.embedding_bag(values, self.indices, self.offsets, False, 0, False, self.weights, True)[0]

    def repeated(self, times: int, columns: int) -> Bags:
        """Return the matrix of `columns` columns in `times` blocks along the diagonal, zero elsewhere."""
        if times == 1:
            return self
        block = torch.arange(times, dtype=torch.int32, device=self.indices.device)[:, None]
        entries = len(self.indices)
        offsets = torch.empty(times * self.rows + 1, dtype=torch.int32, device=self.offsets.device)
        torch.add(self.offsets[:-1], block * entries, out=offsets[:-1].view(times, -1))
        offsets[-1:].fill_(times * entries)
        weights = None if self.weights is None else self.weights.repeat(times)
        return Bags((self.indices + block * columns).view(-1), offsets, weights)

    def cut(self, largest: int) -> tuple[Bags, Bags]:
        """Cut rows into pieces of at most `largest` entries: a matrix whose rows are pieces, and one that adds these.

        On a GPU one row is summed by one thread per column, so that a single long row keeps all others waiting. The
        sum of a row of one piece stays the same to the bit; of a longer row, only the order of the additions changes.
        The host reads nothing: there are as many pieces as there could be at most, the last of them empty.
        """
        most = self.rows + len(self.indices) // largest
        counts = (torch.diff(self.offsets) + (largest - 1)) // largest
        ends = torch.zeros_like(self.offsets)
        torch.cumsum(counts, 0, dtype=torch.int32, out=ends[1:])
        number = torch.arange(most + 1, dtype=torch.int32, device=self.offsets.device)
        # the row of each piece; pieces after the last belong to the end, which begins at entry E
        row = torch.searchsorted(ends[1:], number, right=True, out_int32=True)
        begins = self.offsets.index_select(0, row) + (number - ends.index_select(0, row)) * largest
        begins = begins.clamp_(max=len(self.indices))
        return Bags(self.indices, begins, self.weights), Bags(number[:-1], ends, None)


def row_bags(indices: Tensor, weights: Tensor) -> Bags:
    """Make a sparse matrix with the same number of entries in each row, from two tensors (rows, entries)."""
    rows, entries = indices.shape
    offsets = torch.arange(0, rows * entries + 1, entries, dtype=indices.dtype, device=indices.device)
    return Bags(indices.reshape(-1), offsets, weights.reshape(-1))


def from_host(values: Sequence[float] | Sequence[Sequence[int]], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Make a tensor of a few numbers on a device, without waiting for what a GPU has still to do."""
    tensor = torch.tensor(values, dtype=dtype)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
