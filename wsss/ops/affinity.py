"""Affinities between the pixels of a feature map: matrices that gather from all pixels, whole or in blocks of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from wsss.ops.padding import spatial_mean

BLOCK_ELEMENTS = 2**22
"""Matrix entries in a block of rows, over all images: 16 MiB in float32, of which about ten are alive at once."""
GPU_POSITIONS = 2
"""How many times as many positions a GPU holds whole: it waits for the host that starts a block's operations."""

Rows = Callable[..., Tensor]
"""(start, stop, *tensors) -> rows start..stop-1 of every matrix, (N, stop - start, positions)."""


class Affinity(ABC):
    """One square matrix per image over the positions of an (h, w) map, in row-major order.

    Args:
        size: Height and width of the map.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    @property
    def positions(self) -> int:
        """Rows and columns of the matrix."""
        return self.size[0] * self.size[1]

    def apply(self, values: Tensor) -> Tensor:
        """Gather for each position the values of all, weighted by its row: (N, C, h, w) from (N, C, h, w)."""
        return self.apply_all([values])[0]

    def apply_transposed(self, values: Tensor) -> Tensor:
        """Gather for each position the values of all, weighted by its column."""
        return self.apply_all([values], transposed=True)[0]

    @abstractmethod
    def apply_all(self, values: Sequence[Tensor], *, transposed: bool = False) -> list[Tensor]:
        """Apply the matrices to several maps; where rows are computed anew, they cost little more than one."""

    @abstractmethod
    def dense(self) -> Tensor:
        """Return the matrices, (N, h * w, h * w)."""

    def _check(self, values: Sequence[Tensor]) -> None:
        for value in values:
            if value.ndim != 4 or tuple(value.shape[-2:]) != tuple(self.size):
                raise ValueError(
                    f"expected values (N, C, {self.size[0]}, {self.size[1]}) for this affinity, got "
                    f"{tuple(value.shape)}"
                )


class DenseAffinity(Affinity):
    """An affinity held as a whole.

    Args:
        matrix: (N, h * w, h * w).
        size: Height and width.
    """

    def __init__(self, matrix: Tensor, size: tuple[int, int]) -> None:
        super().__init__(size)
        self._matrix = matrix

    def apply_all(self, values: Sequence[Tensor], *, transposed: bool = False) -> list[Tensor]:
        """See `Affinity`."""
        self._check(values)
        matrix = self._matrix.mT if transposed else self._matrix
        return [_to_map(torch.matmul(matrix, to_rows(value)), self.size) for value in values]

    def dense(self) -> Tensor:
        """See `Affinity`."""
        return self._matrix


class BlockedAffinity(Affinity):
    """An affinity computed in blocks of rows at each use, and again in the backward pass; never held as a whole.

    Args:
        rows: Gives any block of rows; a pure function.
        tensors: The inputs of that function; gradients flow to these.
        size: Height and width.

    Attributes:
        tensors: As given.
    """

    def __init__(self, rows: Rows, tensors: Sequence[Tensor], size: tuple[int, int]) -> None:
        super().__init__(size)
        self._rows, self.tensors = rows, tuple(tensors)
        self._block = max(1, BLOCK_ELEMENTS // (self.positions * self.tensors[0].shape[0]))

    def apply_all(self, values: Sequence[Tensor], *, transposed: bool = False) -> list[Tensor]:
        """See `Affinity`."""
        self._check(values)
        stacked = torch.cat([to_rows(value) for value in values], dim=-1)
        results: list[Tensor] = []
        for start in range(0, self.positions, self._block):
            stop = min(start + self._block, self.positions)
            part = self._checkpointed(_gather_transposed if transposed else _gather, start, stop, stacked)
            if transposed and results:
                # not in place: else every sum before this one would be kept for the backward pass
                results = [results[0] + part]
            else:
                results.append(part)
        whole = results[0] if transposed else torch.cat(results, dim=1)
        parts = whole.split([value.shape[1] for value in values], dim=-1)
        return [_to_map(part, self.size) for part in parts]

    def dense(self) -> Tensor:
        """See `Affinity`; this takes the memory that blocks avoid."""
        return self._rows(0, self.positions, *self.tensors)

    def _checkpointed(
        self,
        gather: Callable[[Rows, int, int, Tensor, tuple[Tensor, ...]], Tensor],
        start: int,
        stop: int,
        rows: Tensor,
    ) -> Tensor:
        if not torch.is_grad_enabled():
            return gather(self._rows, start, stop, rows, self.tensors)
        return checkpoint(
            gather, self._rows, start, stop, rows, self.tensors, use_reentrant=False, preserve_rng_state=False
        )


def pairwise_affinity(
    queries: Tensor,
    keys: Tensor,
    *,
    whiten: bool = False,
    cosine: bool = False,
    temperature: float = 1.0,
    dense_positions: int = 1024,
    inside: Tensor | None = None,
) -> Affinity:
    """Compare queries with keys by a softmax over all positions, without scaling (AuxSegNet, section 3.2).

    Args:
        queries: (N, D, h, w).
        keys: (N, D, h, w).
        whiten: Whether their spatial means are subtracted first (Disentangled Non-Local, Yin et al. 2020).
        cosine: Whether both are then made unit vectors, so that a long key does not make its position akin to all.
            Inferred.
        temperature: Divides the products. Inferred; 1 is AuxSegNet's.
        dense_positions: Positions up to which the matrix is held as a whole; on a GPU `GPU_POSITIONS` times as many.
        inside: (N, 1, h, w) bool, the positions that are compared with, one in each image at least; None is all.

    Returns:
        Matrices whose rows sum to 1; columns of positions that are not inside are 0.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if queries.ndim != 4 or queries.shape != keys.shape:
        raise ValueError(f"expected two (N, D, h, w) of one shape, got {tuple(queries.shape)} and {tuple(keys.shape)}")
    if whiten:
        queries = queries - spatial_mean(queries, inside)
        keys = keys - spatial_mean(keys, inside)
    if cosine:
        queries, keys = functional.normalize(queries, dim=1), functional.normalize(keys, dim=1)
    if temperature != 1:
        queries = queries / temperature
    size = (queries.shape[-2], queries.shape[-1])
    rows, columns = to_rows(queries), keys.flatten(2)
    left_out = torch.zeros_like(columns[:, :1]) if inside is None else _left_out(inside, columns.dtype)
    if size[0] * size[1] <= dense_positions * (GPU_POSITIONS if queries.is_cuda else 1):
        return DenseAffinity(pairwise_rows(0, rows.shape[1], rows, columns, left_out), size)
    return BlockedAffinity(pairwise_rows, (rows.contiguous(), columns.contiguous(), left_out), size)


def pairwise_rows(start: int, stop: int, rows: Tensor, columns: Tensor, left_out: Tensor) -> Tensor:
    """Compute rows start..stop-1 of the matrices.

    Args:
        start: First row.
        stop: Row after the last.
        rows: Queries, (N, positions, D).
        columns: Keys, (N, D, positions).
        left_out: (N, 1, positions), added to the products: 0, or minus infinity where a key is left out.
    """
    return (torch.matmul(rows[:, start:stop], columns) + left_out).softmax(dim=-1)


def _left_out(inside: Tensor, dtype: torch.dtype) -> Tensor:
    addend = torch.zeros_like(inside, dtype=dtype).masked_fill(~inside, -torch.inf)
    return addend.flatten(2)


def to_rows(values: Tensor) -> Tensor:
    """Turn a map (N, C, h, w) into rows (N, h * w, C)."""
    return values.flatten(2).mT


def _to_map(rows: Tensor, size: tuple[int, int]) -> Tensor:
    return rows.mT.contiguous().unflatten(2, size)


def _gather(rows: Rows, start: int, stop: int, values: Tensor, tensors: tuple[Tensor, ...]) -> Tensor:
    """Compute a block's part of the product, (N, stop - start, C)."""
    return torch.matmul(rows(start, stop, *tensors), values)


def _gather_transposed(rows: Rows, start: int, stop: int, values: Tensor, tensors: tuple[Tensor, ...]) -> Tensor:
    """Compute a block's addend to the product with the transposed matrix, (N, positions, C)."""
    return torch.matmul(rows(start, stop, *tensors).mT, values[:, start:stop])
