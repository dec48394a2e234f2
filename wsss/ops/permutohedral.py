"""The permutohedral lattice: Gaussian filtering in many dimensions in linear time.

Adams, Baek, Davis: Fast High-Dimensional Filtering Using the Permutohedral Lattice (Eurographics 2010).

A point is spread ("splat") onto the corners of the simplex it lies in, the corners are blurred along each axis of the
lattice, and the point reads the result back ("slice"). All three are sums of few weighted rows, and are computed by
`torch.embedding_bag`, which adds rows without writing the products down, on CPU and CUDA.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from wsss.ops.bags import Bags, from_host, row_bags

LARGEST_PIECE = 64
"""Most entries that are added one after the other on a GPU: longer rows are cut. About the root of the longest row."""


@dataclass(frozen=True)
class Lattice:
    """The lattice of N points in d dimensions, with M occupied vertices; the points of each image have their own.

    `splat` has M + 1 rows over N points; the last row is empty, so that a neighbour that is missing can be looked up
    like any other. If its long rows are cut, the rows of `splat` are their pieces, and `joins` adds the pieces up.
    `blurs` has d + 1 matrices of M + 1 rows over M + 1 vertices. Slicing point i sums
    `slice_weights[i] * vertex values[slice_indices[i]]`, both (N, d + 1), the factor of the blur included.
    """

    splat: Bags
    joins: Bags | None
    blurs: tuple[Bags, ...]
    slice_indices: torch.Tensor
    slice_weights: torch.Tensor

    @property
    def vertices(self) -> int:
        """M + 1: rows of a table of vertex values."""
        return self.blurs[0].rows

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Spread point values (N, C) onto the vertices and blur them: (M + 1, C), for `slice_*` to read."""
        values = self.splat.sum(values)
        if self.joins is not None:
            values = self.joins.sum(values)
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
        weights = norm.view(-1).index_select(0, self.splat.indices)
        if self.splat.weights is not None:
            weights *= self.splat.weights
        return replace(self, splat=replace(self.splat, weights=weights), slice_weights=self.slice_weights * norm)

    def scaled(self, factor: float) -> Lattice:
        """Return the filter times a factor."""
        return replace(self, slice_weights=self.slice_weights * factor)

    def repeated(self, times: int) -> Lattice:
        """Return the lattice of the same points `times` times over, for as many images."""
        if times == 1:
            return self
        block = torch.arange(times, dtype=torch.int32, device=self.slice_indices.device)[:, None, None]
        return Lattice(
            self.splat.repeated(times, len(self.slice_indices)),
            None if self.joins is None else self.joins.repeated(times, self.splat.rows),
            tuple(blur.repeated(times, self.vertices) for blur in self.blurs),
            (self.slice_indices + block * self.vertices).flatten(0, 1),
            self.slice_weights.repeat(times, 1),
        )


def build_lattice(
    features: torch.Tensor, counts: Sequence[int] | None = None, largest_piece: int | None = None
) -> Lattice:
    """Build the lattice for a Gaussian of unit standard deviation.

    Several images share a lattice without touching each other: the image's number is one more part of what a vertex is
    known by. So N images take as many operations as one, and their sums are those of each image alone, in that order.

    Args:
        features: (d, N) float32, d at most 7, positions already divided by the width of the kernel in each dimension.
        counts: How many of the points belong to each image, one image after the other; None takes one image.
        largest_piece: Longer rows of the matrix that spreads points are cut, see `Bags.cut`; None takes
            `LARGEST_PIECE` on a GPU, and cuts none on the CPU, where it saves nothing.

    Raises:
        ValueError: If the features span more cells of the lattice than can be numbered (a kernel far too narrow).
    """
    dimensions, points = features.shape
    corners, device = dimensions + 1, features.device
    counts = [points] if counts is None else counts
    # pydensecrf works on four points at a time and fills up with points at the origin, whose vertices then exist
    filled = [image for image, count in enumerate(counts) if count % 4]
    if filled:
        features = torch.cat([features, features.new_zeros(dimensions, len(filled))], 1)
    elevated = _elevate(features)
    cells = torch.round(elevated * (1 / corners))
    low, high = torch.stack([cells.amin(1), cells.amax(1)]).tolist()
    # A vertex is known by its remainder k, its image and its cells along the first d coordinates, packed into one
    # integer. A vertex of the simplex, or a neighbour of one, is at most 3 cells from the rounded point.
    spans = [int(end - start) + 7 for start, end in zip(low[:-1], high[:-1], strict=True)]
    places = [math.prod(spans[:i]) for i in range(dimensions)] + [0]
    image_block = math.prod(spans)
    block = image_block * len(counts)
    if block * corners > 2**62:
        raise ValueError(f"the kernel is too narrow for this image: its lattice spans {spans} cells; widen it")
    kind = torch.int32 if block * corners < 2**31 else torch.int64
    if len(counts) == 1:
        key = torch.zeros(features.shape[1], dtype=kind, device=device)
    else:
        key = image_numbers([*counts, *[1] * len(filled)], device, [*range(len(counts)), *filled]).to(kind)
        key *= image_block
    for row, start, place in zip(cells[:-1], low, places, strict=False):
        key += (row - (start - 3)).to(kind) * place
    table = from_host([0] * (8 - corners) + places[::-1], kind, device)
    ordered, key = _enclose(elevated - cells * corners, cells.sum(0), key, table)
    lattice = _assemble(ordered, key, table, places, block, points)
    if largest_piece is None and device.type != "cuda":
        return lattice
    splat, joins = lattice.splat.cut(largest_piece or LARGEST_PIECE)
    return replace(lattice, splat=splat, joins=joins)


def image_numbers(counts: Sequence[int], device: torch.device, numbers: Sequence[int] | None = None) -> torch.Tensor:
    """Repeat each number as often as its count says, (sum of counts,) int64; None takes 0, 1, 2 and so on."""
    table = from_host([list(range(len(counts)) if numbers is None else numbers), list(counts)], torch.int64, device)
    return table[0].repeat_interleave(table[1], output_size=sum(counts))


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


def _assemble(
    ordered: list[torch.Tensor], key: torch.Tensor, table: torch.Tensor, places: list[int], block: int, points: int
) -> Lattice:
    """Number the vertices and sort the points by the vertex they are spread onto, one remainder after the other.

    Points after the first `points` only have their vertices counted: they spread nothing and read nothing.
    """
    corners, keys, device = len(ordered), len(key), key.device
    positions = [(bits.view(torch.float64) * (1 / corners)).float() for bits in ordered]
    sorted_keys = torch.empty(corners, keys, dtype=key.dtype, device=device)
    weights = torch.empty(corners, keys, device=device)
    orders = []
    for k in range(corners):
        # barycentric: differences of neighbours in the order, and 1 for the way round
        if k == 0:
            torch.sub(1 + positions[-1], positions[0], out=weights[k])
        else:
            torch.sub(positions[-1 - k], positions[-k], out=weights[k])
        sorted_key, order = torch.sort(key, stable=True)
        torch.add(sorted_key, k * block, out=sorted_keys[k])
        orders.append(order)
        if k + 1 < corners:  # from remainder k to k + 1, the coordinate of this rank steps down a cell
            key = key - table.index_select(0, _coordinate(ordered[-1 - k]))
    weights[:, points:] = 0
    order = torch.stack(orders)
    flat = sorted_keys.view(-1)
    first = torch.ones(corners * keys, dtype=torch.bool, device=device)
    torch.ne(flat[1:], flat[:-1], out=first[1:])
    starts = first.nonzero().squeeze(1)
    numbers = first.cumsum(0, dtype=torch.int32).sub_(1).view(corners, keys)
    slice_indices = torch.empty_like(numbers).scatter_(1, order, numbers).t()[:points]
    slice_weights = weights.t()[:points] * (1 / (1 + 2.0 ** -(corners - 1)))
    offsets = torch.cat([starts.int(), starts.new_full((2,), corners * keys, dtype=torch.int32)])
    splat = Bags(order.int().clamp_(max=points - 1).view(-1), offsets, weights.gather(1, order).view(-1))
    blurs = _blurs(flat.index_select(0, starts).long(), places, block)
    return Lattice(splat, None, blurs, slice_indices, slice_weights)


def _blurs(keys: torch.Tensor, places: list[int], block: int) -> tuple[Bags, ...]:
    """Build each axis's blur, `value + (one neighbour + other neighbour) / 2`; a missing neighbour counts 0."""
    count, corners, device = len(keys), len(places), keys.device
    here = torch.arange(count, device=device)
    offsets = torch.arange(0, 3 * count + 4, 3, dtype=torch.int32, device=device).clamp_(max=3 * count)
    weights = from_host([1.0, 0.5, 0.5], torch.float32, device).repeat(count)
    # one step along an axis lowers all coordinates by 1 and raises the axis's own by d + 1: the remainder falls by one,
    # or from 0 to d with all cells lowered by one
    lowered = torch.where(keys < block, keys + (corners - 1) * block - sum(places), keys - block)
    blurs = []
    for place in places:
        wanted = lowered + place
        position = torch.searchsorted(keys, wanted).clamp_(max=count - 1)
        forward = torch.where(keys.index_select(0, position) == wanted, position, count)
        # all that have no neighbour write to one place more, so that no mask's size need be known
        backward = torch.full((count + 1,), count, device=device).scatter_(0, forward, here)[:count]
        blurs.append(Bags(torch.stack([here, forward, backward], 1).int().view(-1), offsets, weights))
    return tuple(blurs)
