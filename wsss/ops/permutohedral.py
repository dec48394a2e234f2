"""The permutohedral lattice: Gaussian filtering in many dimensions in linear time.

Adams, Baek, Davis: Fast High-Dimensional Filtering Using the Permutohedral Lattice (Eurographics 2010).

A point is spread ("splat") onto the corners of the simplex it lies in, the corners are blurred along each axis of the
lattice, and the point reads the result back ("slice"). All three are sums of few weighted rows, and are computed by
`torch.embedding_bag`, which adds rows without writing the products down, on CPU and CUDA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Bags:
    """A sparse matrix, row by row.

    Row r sums `weights[e] * values[indices[e]]` over `offsets[r] <= e < offsets[r + 1]`.
    """

    indices: torch.Tensor
    offsets: torch.Tensor
    weights: torch.Tensor

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Sum values (columns, C) float32, contiguous, into rows (rows, C)."""
        return torch.embedding_bag(values, self.indices, self.offsets, False, 0, False, self.weights, True)[0]


@dataclass(frozen=True)
class Lattice:
    """The lattice of N points in d dimensions, with M occupied vertices.

    `splat` has M + 1 rows over N points; the last row is empty, so that a neighbour that is missing can be looked up
    like any other. `blurs` has d + 1 matrices of M + 1 rows over M + 1 vertices. Slicing point i sums
    `slice_weights[i] * vertex values[slice_indices[i]]`, both (N, d + 1), the factor of the blur included.
    """

    splat: Bags
    blurs: tuple[Bags, ...]
    slice_indices: torch.Tensor
    slice_weights: torch.Tensor

    @property
    def vertices(self) -> int:
        """M + 1: rows of a table of vertex values."""
        return len(self.splat.offsets) - 1

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Spread point values (N, C) onto the vertices and blur them: (M + 1, C), for `slice_*` to read."""
        values = self.splat.sum(values)
        for blur in self.blurs:
            values = blur.sum(values)
        return values

    def filter(self, values: torch.Tensor) -> torch.Tensor:
        """Filter values (N, C) with a Gaussian of unit width in the space of the features; return (N, C)."""
        return row_bags(self.slice_indices, self.slice_weights).sum(self.gather(values))

    def normalized(self) -> Lattice:
        """Return the symmetrically normalised filter, D^-1/2 K D^-1/2 (Kraehenbuehl and Koltun, ICML 2013)."""
        ones = torch.ones(len(self.slice_indices), 1, device=self.slice_weights.device)
        norm = self.filter(ones).add_(1e-20).rsqrt_()
        weights = self.splat.weights * norm.view(-1).index_select(0, self.splat.indices)
        splat = Bags(self.splat.indices, self.splat.offsets, weights)
        return Lattice(splat, self.blurs, self.slice_indices, self.slice_weights * norm)

    def scaled(self, factor: float) -> Lattice:
        """Return the filter times a factor."""
        return Lattice(self.splat, self.blurs, self.slice_indices, self.slice_weights * factor)


def row_bags(indices: torch.Tensor, weights: torch.Tensor) -> Bags:
    """Make a sparse matrix with the same number of entries in each row, from two tensors (rows, entries)."""
    rows, entries = indices.shape
    offsets = torch.arange(0, rows * entries + 1, entries, dtype=indices.dtype, device=indices.device)
    return Bags(indices.reshape(-1), offsets, weights.reshape(-1))


def build_lattice(features: torch.Tensor) -> Lattice:
    """Build the lattice for a Gaussian of unit standard deviation.

    Args:
        features: (d, N) float32, d at most 7, positions already divided by the width of the kernel in each dimension.

    Raises:
        ValueError: If the features span more cells of the lattice than can be numbered (a kernel far too narrow).
    """
    dimensions, points = features.shape
    corners = dimensions + 1
    if points % 4:
        # pydensecrf works on four points at a time and fills up with points at the origin, whose vertices then exist
        features = torch.cat([features, features.new_zeros(dimensions, 1)], 1)
    elevated = _elevate(features)
    cells = torch.round(elevated * (1 / corners))
    low, high = cells.amin(1).tolist(), cells.amax(1).tolist()
    # A vertex is known by its remainder k and its cells along the first d coordinates, packed into one integer. A
    # vertex of the simplex, or a neighbour of one, is at most 3 cells from the rounded point.
    spans = [int(end - start) + 7 for start, end in zip(low[:-1], high[:-1], strict=True)]
    places = [math.prod(spans[:i]) for i in range(dimensions)] + [0]
    block = math.prod(spans)
    if block * corners > 2**62:
        raise ValueError(f"the kernel is too narrow for this image: its lattice spans {spans} cells; widen it")
    kind = torch.int32 if block * corners < 2**31 else torch.int64
    table = torch.tensor([0] * (8 - corners) + places[::-1], dtype=kind, device=features.device)
    key = torch.zeros(features.shape[1], dtype=kind, device=features.device)
    for row, start, place in zip(cells[:-1], low, places, strict=False):
        key += (row - (start - 3)).to(kind) * place
    ordered, key = _enclose(elevated - cells * corners, cells.sum(0), key, table)
    return _assemble(ordered, key, table, block, points)


def _elevate(features: torch.Tensor) -> torch.Tensor:
    """Lift the features into the plane of the lattice, (d+1, N), d + 1 to a cell (Adams et al., p. 5).

    In the order and precision of pydensecrf: points on the border of two simplices then fall on the same side. The
    filter is not continuous there, since it blurs only over vertices that some point touches.
    """
    dimensions, points = features.shape
    elevated = features.new_empty(dimensions + 1, points)
    total = features.new_zeros(points)
    # at this scale the blur has the variance of a Gaussian of unit width
    scale = float(np.float32((2 / 3) ** 0.5 * (dimensions + 1)))
    for j in range(dimensions, 0, -1):
        scaled = features[j - 1] * float(np.float32(1 / ((j + 1) * j) ** 0.5 * scale))
        elevated[j] = total - j * scaled
        total = total + scaled
    elevated[0] = total
    return elevated


def _enclose(
    remainders: torch.Tensor, excess: torch.Tensor, key: torch.Tensor, places: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Find the simplex of each point.

    Args:
        remainders: (d+1, N) position less the rounded cell, d + 1 to a cell.
        excess: (N,) sum of the rounded cells: 0 where the rounded point lies in the plane of the lattice.
        key: (N,) key of the rounded point.
        places: (8,) addend to a key for a step of one cell along a coordinate, the last coordinate first.

    Returns:
        The remainders as d + 1 tensors in falling order, each with the number of its coordinate in the last 3 bits
        (`_coordinate`), and the key of the simplex's vertex of remainder 0.
    """
    corners = len(remainders)
    # as float64 the last bits of a float32 are free; positive, floats order like the integers of their bits
    lifted = remainders.double() + 2 * corners
    # the first coordinate has the highest number, so that it goes first among equals
    ordered = _sorted([_numbered(row, 7 - i) for i, row in enumerate(lifted)])
    corrected = []
    for position, bits in enumerate(ordered):
        # the coordinates that rounding moved most give way, until the sum is 0
        cells = (position > corners - 1 - excess).to(key.dtype) - (position < -excess).to(key.dtype)
        number = _coordinate(bits)
        key = key - places.index_select(0, number) * cells
        corrected.append(_numbered(bits.view(torch.float64) + cells * corners, number))
    return _sorted(corrected), key


def _numbered(values: torch.Tensor, number: int | torch.Tensor) -> torch.Tensor:
    return (values.view(torch.int64) & ~7) | number


def _coordinate(bits: torch.Tensor) -> torch.Tensor:
    """Return 7 less the number of the coordinate: the order of `places`."""
    return bits & 7


def _sorted(rows: list[torch.Tensor]) -> list[torch.Tensor]:
    """Sort across rows, falling, by odd-even transposition: twenty times as fast as sorting each column."""
    rows = list(rows)
    for turn in range(len(rows)):
        for i in range(turn % 2, len(rows) - 1, 2):
            rows[i], rows[i + 1] = torch.maximum(rows[i], rows[i + 1]), torch.minimum(rows[i], rows[i + 1])
    return rows


def _assemble(ordered: list[torch.Tensor], key: torch.Tensor, places: torch.Tensor, block: int, points: int) -> Lattice:
    """Number the vertices and sort the points by the vertex they are spread onto, one remainder after the other.

    Points after the first `points` only have their vertices counted: they spread nothing and read nothing.
    """
    corners, keys, device = len(ordered), len(key), key.device
    positions = [(bits.view(torch.float64) * (1 / corners)).float() for bits in ordered]
    weights = torch.empty(keys, corners, device=device)
    slice_indices = torch.empty(keys, corners, dtype=torch.int32, device=device)
    flat = slice_indices.view(-1)
    pixels, counts, vertices, splat_weights = [], [], [], []
    found = 0
    for k in range(corners):
        # barycentric: differences of neighbours in the order, and 1 for the way round
        weight = 1 + positions[-1] - positions[0] if k == 0 else positions[-1 - k] - positions[-k]
        weight[points:] = 0
        weights[:, k] = weight
        sorted_key, order = torch.sort(key, stable=True)
        first = torch.ones(keys, dtype=torch.bool, device=device)
        torch.ne(sorted_key[1:], sorted_key[:-1], out=first[1:])
        flat.scatter_(0, order * corners + k, first.cumsum(0, dtype=torch.int32).add_(found - 1))
        starts = first.nonzero().squeeze(1)
        vertices.append(sorted_key.index_select(0, starts).long() + k * block)
        counts.append(torch.diff(starts, append=starts.new_tensor([keys])))
        pixels.append(order.int().clamp_(max=points - 1))
        splat_weights.append(weight.index_select(0, order))
        found += len(starts)
        if k + 1 < corners:  # from remainder k to k + 1, the coordinate of this rank steps down a cell
            key = key - places.index_select(0, _coordinate(ordered[-1 - k]))
    counts.append(torch.zeros(1, dtype=torch.int64, device=device))
    offsets = torch.zeros(found + 2, dtype=torch.int32, device=device)
    offsets[1:] = torch.cat(counts).cumsum(0)
    splat = Bags(torch.cat(pixels), offsets, torch.cat(splat_weights))
    alpha = 1 / (1 + 2.0 ** -(corners - 1))
    blurs = _blurs(torch.cat(vertices), places.flip(0)[:corners].long(), block)
    return Lattice(splat, blurs, slice_indices[:points], weights[:points] * alpha)


def _blurs(keys: torch.Tensor, places: torch.Tensor, block: int) -> tuple[Bags, ...]:
    """Build each axis's blur, `value + (one neighbour + other neighbour) / 2`; a missing neighbour counts 0."""
    count, corners = len(keys), len(places)
    here = torch.arange(count, device=keys.device)
    # one step along an axis lowers all coordinates by 1 and raises the axis's own by d + 1: the remainder falls by one,
    # or from 0 to d with all cells lowered by one
    lowered = torch.where(keys < block, keys + (corners - 1) * block - int(places.sum()), keys - block)
    blurs = []
    for place in places.tolist():
        wanted = lowered + place
        position = torch.searchsorted(keys, wanted).clamp_(max=count - 1)
        present = keys[position] == wanted
        forward = torch.where(present, position, count)
        backward = torch.full_like(forward, count).index_put_((position[present],), here[present])
        indices = torch.stack([here, forward, backward], 1).int()
        weights = torch.tensor([1.0, 0.5, 0.5], device=keys.device).expand(count, 3).contiguous()
        bags = row_bags(indices, weights)
        blurs.append(Bags(bags.indices, torch.cat([bags.offsets, bags.offsets[-1:]]), bags.weights))
    return tuple(blurs)
