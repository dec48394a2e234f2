"""The fully connected CRF of Kraehenbuehl and Koltun (NeurIPS 2011; symmetric normalisation: ICML 2013), in PyTorch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from wsss.config import Crf
from wsss.ops.crf_reference import reference_marginals
from wsss.ops.permutohedral import Bags, Lattice, build_lattice, row_bags

Array = TypeVar("Array", np.ndarray, Tensor)

BACKENDS = ("auto", "torch", "pydensecrf")


class DenseCRF:
    """The CRF of one image: a Gaussian and a bilateral Potts term between all pairs of pixels.

    Holds the two lattices, so that they are built once for several unaries over one image (AA&LR has two). The lattice
    of the Gaussian depends on the size alone and is kept between images.

    Args:
        image: (H, W, 3) uint8 RGB.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        backend: `torch`, `pydensecrf` (the reference, from the package pydensecrf2), or `auto`, which is `torch`.
        device: Where to work; None takes the image's device, or the CPU.

    Raises:
        ValueError: If the image is of another shape or type, the backend unknown, or a kernel far too narrow.
    """

    def __init__(
        self,
        image: np.ndarray | Tensor,
        params: Crf | None = None,
        backend: str = "auto",
        device: torch.device | str | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise ValueError(f"unknown CRF backend `{backend}`: use {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}")
        tensor = as_tensor(image)
        if tensor.ndim != 3 or tensor.shape[2] != 3 or tensor.dtype != torch.uint8 or not tensor.numel():
            raise ValueError(f"need an image (H, W, 3) uint8, got {tuple(tensor.shape)} {tensor.dtype}")
        self.params = params or Crf()
        self.size = (int(tensor.shape[0]), int(tensor.shape[1]))
        self._image = tensor.to(device) if device is not None else tensor
        self._reference = backend == "pydensecrf"

    def marginals(self, energies: Array) -> Array:
        """Compute marginals by mean-field inference from unary energies.

        Args:
            energies: (K, H, W), or (B, K, H, W) for B unaries over the same image; negative logarithms of
                probabilities, up to a constant per pixel.

        Returns:
            float32 of the same shape, summing to 1 over K; an array for an array, a tensor on its device for a tensor.

        Raises:
            ValueError: If the shape does not fit the image, or a value is not finite.
            InputError: If the backend is `pydensecrf` and it is not installed.
        """
        given = (
            energies
            if isinstance(energies, Tensor)
            else torch.from_numpy(np.require(energies, requirements=["C", "W"]))
        )
        if given.ndim not in (3, 4) or tuple(given.shape[-2:]) != self.size or not given.shape[-3]:
            height, width = self.size
            raise ValueError(f"need energies (K, {height}, {width}) or (B, K, ...), got {tuple(given.shape)}")
        if not all_finite(given):
            raise ValueError(f"energies {tuple(given.shape)} hold values that are not finite")
        unaries = given.detach().reshape(-1, *given.shape[-3:]).float()
        if self._reference:
            image = self._image.cpu().numpy()
            results = [reference_marginals(unary.cpu().numpy(), image, self.params) for unary in unaries]
            result = torch.from_numpy(np.stack(results)).reshape(given.shape)
        else:
            result = self._mean_field(unaries.to(self._image.device)).reshape(given.shape)
        return result.to(given.device) if isinstance(energies, Tensor) else result.cpu().numpy()

    def marginal_bound(self, probability: float) -> float:
        """Bound the marginal of a label that is nowhere more probable than `probability`.

        A message to a label is at most W times its largest marginal, where W is the largest sum of the weights that
        reach a pixel, and no label's message is negative. So the largest marginal q of the label obeys
        q <= p exp(W q) at every iteration. The bound is the least q where both are equal, or 1 where there is none
        (p W > 1/e).
        """
        reach = self._reach()
        if probability * reach * math.e > 1:
            return 1.0
        bound = probability
        for _ in range(200):
            bound = probability * math.exp(reach * bound)
        return min(bound, 1.0)

    @torch.no_grad()
    def _reach(self) -> float:
        ones = torch.ones(self.size[0] * self.size[1], 1, device=self._image.device)
        return float(sum((kernel.filter(ones) for kernel in self._kernels), torch.zeros_like(ones)).max())

    @functools.cached_property
    def _kernels(self) -> list[Lattice]:
        params, kernels = self.params, []
        with torch.no_grad():
            if params.bilateral_compat > 0:
                colours = self._image.reshape(-1, 3).t().float() / params.bilateral_srgb
                positions = _positions(self.size, params.bilateral_sxy, self._image.device)
                kernels.append(
                    build_lattice(torch.cat([positions, colours])).normalized().scaled(params.bilateral_compat)
                )
            if params.gaussian_compat > 0:
                spatial = _spatial_lattice(self.size, params.gaussian_sxy, self._image.device)
                kernels.append(spatial.scaled(params.gaussian_compat))
        return kernels

    @functools.cached_property
    def _slicing(self) -> Bags:
        """The matrix that reads, for each pixel, the vertices of all kernels and the unary after them in one table."""
        pixels = self.size[0] * self.size[1]
        indices, weights, start = [], [], 0
        for kernel in self._kernels:
            indices.append(kernel.slice_indices + start)
            weights.append(kernel.slice_weights)
            start += kernel.vertices
        own = torch.arange(start, start + pixels, dtype=torch.int32, device=self._image.device)
        return row_bags(
            torch.cat([*indices, own[:, None]], 1),
            torch.cat([*weights, torch.ones(pixels, 1, device=self._image.device)], 1),
        )

    @torch.no_grad()
    def _mean_field(self, unaries: Tensor) -> Tensor:
        """Compute marginals (B, K, H, W) of energies (B, K, H, W)."""
        with torch.autocast(unaries.device.type, enabled=False):
            batch, labels = unaries.shape[:2]
            vertices = sum(kernel.vertices for kernel in self._kernels)
            # The table that slicing reads: vertices, then the unaries, pixels first, so that a pixel's labels are one
            # row. The best label of a pixel is at 0, see `_normalize`.
            table = unaries.new_empty(vertices + self.size[0] * self.size[1], batch * labels)
            scores = table[vertices:].view(*self.size, batch, labels).permute(2, 3, 0, 1)
            torch.sub(unaries.amin(1, keepdim=True), unaries, out=scores)
            result = self._iterate(table, vertices, labels, _normalize)
            if not all_finite(result):
                result = self._iterate(table, vertices, labels, _normalize_any)
            return result.t().reshape(batch, labels, *self.size)

    def _iterate(self, table: Tensor, vertices: int, labels: int, normalize: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Run all iterations, which write over the table's first rows, and return marginals (N, B * K)."""
        marginals = normalize(table[vertices:].clone(), labels)
        for _ in range(self.params.iterations if self._kernels else 0):
            start = 0
            for kernel in self._kernels:
                table[start : start + kernel.vertices] = kernel.gather(marginals)
                start += kernel.vertices
            marginals = normalize(self._slicing.sum(table), labels)
        return marginals


def all_finite(values: Tensor) -> bool:
    """Return whether all values are finite, by their extremes: a third of the time of asking each."""
    return not values.numel() or all(map(math.isfinite, map(float, torch.aminmax(values.detach()))))


def as_tensor(values: np.ndarray | Tensor) -> Tensor:
    """Return the tensor itself, or a tensor over the array, copied only where torch could not hold it."""
    return values if isinstance(values, Tensor) else torch.from_numpy(np.require(values, requirements=["C", "W"]))


def _normalize(scores: Tensor, labels: int) -> Tensor:
    """Take the softmax over each `labels` values of a row (N, B * K), in place, without taking off the maximum.

    Several times as fast as `torch.softmax` over short rows. It needs no maximum, since the best label of the unary
    is at 0 and messages only add to it: no sum falls below 1. Sums of messages above 88 overflow, which is seen after
    the last iteration.
    """
    flat = scores.exp_().view(-1, labels)
    return flat.div_(flat @ flat.new_ones(labels, 1)).view_as(scores)


def _normalize_any(scores: Tensor, labels: int) -> Tensor:
    return torch.softmax(scores.view(-1, labels), 1).view_as(scores)


@functools.lru_cache(maxsize=8)
def _spatial_lattice(size: tuple[int, int], width: float, device: torch.device) -> Lattice:
    return build_lattice(_positions(size, width, device)).normalized()


def _positions(size: tuple[int, int], width: float, device: torch.device) -> Tensor:
    """Return column and row of each pixel, (2, H * W), divided by the width of the kernel."""
    rows, columns = (torch.arange(extent, dtype=torch.float32, device=device) / width for extent in size)
    return torch.stack([columns.repeat(size[0]), rows.repeat_interleave(size[1])])
