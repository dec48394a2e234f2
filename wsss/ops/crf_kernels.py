"""The two kernels of the dense CRF, Gaussian and bilateral, between the pixels of each of several images."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from wsss.config import Crf
from wsss.ops.bags import Bags, row_bags
from wsss.ops.permutohedral import Lattice, build_lattice
from wsss.ops.pixel_features import Size, divided, pixel_positions


class Kernels:
    """The lattices of several images of P pixels together, scaled by the compatibilities of the CRF.

    Args:
        colours: (P, 3) uint8, one image after the other, row by row.
        sizes: Height and width of each image.
        params: Widths and compatibilities; a kernel of compatibility 0 is left out.

    Raises:
        ValueError: If a kernel is far too narrow.
    """

    @torch.no_grad()
    def __init__(self, colours: Tensor, sizes: Sequence[Size], params: Crf) -> None:
        self.lattices: list[Lattice] = []
        device = colours.device
        if params.bilateral_compat > 0:
            positions = pixel_positions(sizes, params.bilateral_sxy, device)
            features = torch.cat([positions, divided(colours.t(), params.bilateral_srgb)])
            lattice = build_lattice(features, _pixels(sizes)).normalized()
            self.lattices.append(lattice.scaled(params.bilateral_compat))
        if params.gaussian_compat > 0:
            lattice = _spatial_lattice(sizes, params.gaussian_sxy, device)
            self.lattices.append(lattice.scaled(params.gaussian_compat))
        self.vertices = sum(lattice.vertices for lattice in self.lattices)
        self._slicing = self._messages_and_unary(len(colours), device)

    def spread(self, marginals: Tensor, table: Tensor) -> None:
        """Write the blurred marginals (P, C) into the first rows of a table (vertices + P, C)."""
        start = 0
        for lattice in self.lattices:
            table[start : start + lattice.vertices] = lattice.gather(marginals)
            start += lattice.vertices

    def scores(self, table: Tensor) -> Tensor:
        """Add up, for each pixel, the messages of all kernels and the unary: (P, C) of a table (vertices + P, C)."""
        return self._slicing.sum(table)

    @torch.no_grad()
    def reach(self) -> float:
        """Return the largest sum of the weights that reach a pixel."""
        ones = self._slicing.indices.new_ones(self._slicing.rows, 1, dtype=torch.float32)
        return float(sum((lattice.filter(ones) for lattice in self.lattices), torch.zeros_like(ones)).max())

    def _messages_and_unary(self, pixels: int, device: torch.device) -> Bags:
        """Make the matrix that reads, for each pixel, the vertices of all kernels and the unary after them."""
        indices, weights, start = [], [], 0
        for lattice in self.lattices:
            indices.append(lattice.slice_indices + start)
            weights.append(lattice.slice_weights)
            start += lattice.vertices
        own = torch.arange(start, start + pixels, dtype=torch.int32, device=device)
        return row_bags(
            torch.cat([*indices, own[:, None]], 1), torch.cat([*weights, torch.ones(pixels, 1, device=device)], 1)
        )


def _spatial_lattice(sizes: Sequence[Size], width: float, device: torch.device) -> Lattice:
    if len(set(sizes)) == 1:
        return _kept_lattice(sizes[0], width, device).repeated(len(sizes))
    return build_lattice(pixel_positions(sizes, width, device), _pixels(sizes)).normalized()


@functools.lru_cache(maxsize=8)
def _kept_lattice(size: Size, width: float, device: torch.device) -> Lattice:
    return build_lattice(pixel_positions([size], width, device)).normalized()


def _pixels(sizes: Sequence[Size]) -> list[int]:
    return [height * width for height, width in sizes]
