"""The fully connected CRF of Kraehenbuehl and Koltun (NeurIPS 2011; symmetric normalisation: ICML 2013), in PyTorch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from wsss.config import Crf
from wsss.ops.crf_kernels import Kernels
from wsss.ops.crf_reference import reference_marginals

Array = TypeVar("Array", np.ndarray, Tensor)

BACKENDS = ("auto", "torch", "pydensecrf")

NEVER = -1e4
"""Score of a label that an image has not, where others of its batch do: its exponential is 0."""


class DenseCRFBatch:
    """The CRFs of several images, of any sizes: a Gaussian and a bilateral Potts term between all pixels of an image.

    The images share the tables of the lattices and no vertex. So they take as many operations as one image, which is
    what a GPU waits for, and each gets what it would get alone. The lattices are built once for several unaries. The
    lattice of the Gaussian depends on the size alone and is kept between calls.

    Args:
        images: (H, W, 3) uint8 RGB each.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        device: Where to work; None takes the device of the first image, or the CPU.

    Raises:
        ValueError: If there is no image or one of another shape or type, or a kernel is far too narrow.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray | Tensor],
        params: Crf | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        if not images:
            raise ValueError("need at least one image")
        tensors = [_checked_image(image) for image in images]
        where = tensors[0].device if device is None else device
        self.params = params or Crf()
        self.sizes = [(int(tensor.shape[0]), int(tensor.shape[1])) for tensor in tensors]
        self._colours = torch.cat([tensor.reshape(-1, 3).to(where) for tensor in tensors])

    @torch.no_grad()
    def marginals(self, energies: Sequence[Array]) -> list[Array]:
        """Compute marginals by mean-field inference from unary energies.

        Args:
            energies: (K, H, W) for each image, or (B, K, H, W) for B unaries over it, B the same for all images, K any;
                negative logarithms of probabilities, up to a constant per pixel.

        Returns:
            float32 of the same shapes, summing to 1 over K; an array for an array, a tensor on its device for a tensor.

        Raises:
            ValueError: If a shape does not fit its image, or a value is not finite.
        """
        given = [as_tensor(values) for values in energies]
        if len(given) != len(self.sizes):
            raise ValueError(f"need energies for each of {len(self.sizes)} images, got {len(given)}")
        for tensor, size in zip(given, self.sizes, strict=True):
            _check_energies(tensor, size)
        unaries = [tensor.reshape(-1, *tensor.shape[-3:]).to(self._colours.device).float() for tensor in given]
        if len({len(unary) for unary in unaries}) > 1:
            raise ValueError(f"need as many unaries for each image, got {[len(unary) for unary in unaries]}")
        with torch.autocast(self._colours.device.type, enabled=False):
            labels = max(unary.shape[1] for unary in unaries)
            table = self._table(unaries, labels)
            if not all_finite(table[self.kernels.vertices :]):
                wrong = next(tuple(tensor.shape) for tensor in given if not all_finite(tensor.float()))
                raise ValueError(f"energies {wrong} hold values that are not finite")
            parts = self._by_image(self._mean_field(table, labels), unaries, labels)
        found = []
        for values, tensor, part in zip(energies, given, parts, strict=True):
            result = part.reshape(tensor.shape).to(tensor.device)
            found.append(result if isinstance(values, Tensor) else result.numpy())
        return found

    @functools.cached_property
    def kernels(self) -> Kernels:
        """The lattices, built when they are first needed."""
        return Kernels(self._colours, self.sizes, self.params)

    def _table(self, unaries: list[Tensor], labels: int) -> Tensor:
        """Make the table that slicing reads, (vertices + P, B * labels), from unaries (B, K, H, W).

        The vertices come first, then the unaries, a pixel's labels in one row. The best label of a pixel is at 0, see
        `_normalize`.
        """
        start = self.kernels.vertices
        table = unaries[0].new_empty(start + len(self._colours), len(unaries[0]) * labels)
        if any(unary.shape[1] < labels for unary in unaries):
            table[start:] = NEVER
        for unary, scores in zip(unaries, self._by_image(table[start:], unaries, labels), strict=True):
            torch.sub(unary.amin(1, keepdim=True), unary, out=scores)
        return table

    def _by_image(self, rows: Tensor, unaries: list[Tensor], labels: int) -> list[Tensor]:
        """View rows (P, B * labels) as (B, K, H, W) for each image."""
        parts = rows.split([height * width for height, width in self.sizes])
        return [
            part.view(*size, -1, labels).permute(2, 3, 0, 1)[:, : unary.shape[1]]
            for part, size, unary in zip(parts, self.sizes, unaries, strict=True)
        ]

    def _mean_field(self, table: Tensor, labels: int) -> Tensor:
        """Compute marginals (P, B * labels)."""
        # on a GPU softmax is one operation and does not overflow, so that nothing need be looked at afterwards
        if table.is_cuda:
            return self._iterate(table, labels, _normalize_any)
        result = self._iterate(table, labels, _normalize)
        return result if all_finite(result) else self._iterate(table, labels, _normalize_any)

    def _iterate(self, table: Tensor, labels: int, normalize: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Run all iterations, which write over the table's first rows."""
        vertices = self.kernels.vertices
        marginals = normalize(table[vertices:].clone(), labels)
        for _ in range(self.params.iterations if vertices else 0):
            self.kernels.spread(marginals, table)
            marginals = normalize(self.kernels.scores(table), labels)
        return marginals


class DenseCRF:
    """The CRF of one image: a Gaussian and a bilateral Potts term between all pairs of pixels.

    Holds the two lattices, so that they are built once for several unaries over one image (AA&LR has two).

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
        self.params = params or Crf()
        self._image = _checked_image(image)
        self._alone = DenseCRFBatch([image], params, device)
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
        if not self._reference:
            return self._alone.marginals([energies])[0]
        given = as_tensor(energies)
        _check_energies(given, self._alone.sizes[0])
        if not all_finite(given):
            raise ValueError(f"energies {tuple(given.shape)} hold values that are not finite")
        image = self._image.cpu().numpy()
        unaries = given.detach().reshape(-1, *given.shape[-3:]).float().cpu().numpy()
        results = [reference_marginals(unary, image, self.params) for unary in unaries]
        result = torch.from_numpy(np.stack(results)).reshape(given.shape)
        return result.to(given.device) if isinstance(energies, Tensor) else result.numpy()

    def marginal_bound(self, probability: float) -> float:
        """Bound the marginal of a label that is nowhere more probable than `probability`.

        A message to a label is at most W times its largest marginal, where W is the largest sum of the weights that
        reach a pixel, and no label's message is negative. So the largest marginal q of the label obeys
        q <= p exp(W q) at every iteration. The bound is the least q where both are equal, or 1 where there is none
        (p W > 1/e).
        """
        reach = self._alone.kernels.reach()
        if probability * reach * math.e > 1:
            return 1.0
        bound = probability
        for _ in range(200):
            bound = probability * math.exp(reach * bound)
        return min(bound, 1.0)


def all_finite(values: Tensor) -> bool:
    """Return whether all values are finite, by their extremes: a third of the time of asking each."""
    if not values.numel():
        return True
    return all(map(math.isfinite, torch.stack(torch.aminmax(values.detach())).tolist()))


def as_tensor(values: np.ndarray | Tensor) -> Tensor:
    """Return the tensor itself, or a tensor over the array, copied only where torch could not hold it."""
    return values if isinstance(values, Tensor) else torch.from_numpy(np.require(values, requirements=["C", "W"]))


def _checked_image(image: np.ndarray | Tensor) -> Tensor:
    tensor = as_tensor(image)
    if tensor.ndim != 3 or tensor.shape[2] != 3 or tensor.dtype != torch.uint8 or not tensor.numel():
        raise ValueError(f"need an image (H, W, 3) uint8, got {tuple(tensor.shape)} {tensor.dtype}")
    return tensor


def _check_energies(energies: Tensor, size: tuple[int, int]) -> None:
    if energies.ndim not in (3, 4) or tuple(energies.shape[-2:]) != size or not energies.shape[-3]:
        height, width = size
        raise ValueError(f"need energies (K, {height}, {width}) or (B, K, ...), got {tuple(energies.shape)}")


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
