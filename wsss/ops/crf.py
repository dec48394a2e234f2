"""The dense CRF in one call: for one image or several, from probabilities or from a saliency map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import numpy as np
import torch
from torch import Tensor

from wsss.config import Crf
from wsss.ops.bags import from_host
from wsss.ops.crf_of_many import PIXELS_AT_ONCE, Image, fastest, in_batches, marginals_at_once
from wsss.ops.mean_field import Array, as_tensor


@overload
def dense_crf(probabilities: Array, image: Image, params: Crf | None = None, backend: str = "auto") -> Array: ...
@overload
def dense_crf(
    probabilities: Sequence[Array],
    image: Sequence[Image],
    params: Crf | None = None,
    backend: str = "auto",
) -> list[Array]: ...
def dense_crf(  # type: ignore[misc]
    probabilities: Array | Sequence[Array],
    image: Image | Sequence[Image],
    params: Crf | None = None,
    backend: str = "auto",
) -> Array | list[Array]:
    """Compute marginals of the fully connected CRF, by `DenseCRF` on negative logarithms of probabilities.

    Labels that are nowhere as probable as `params.minimum_probability` and nowhere the most probable are left out.
    `DenseCRF.marginal_bound` bounds the marginal that each of them could have reached; docs/performance.md measures how
    little the others change.

    Args:
        probabilities: (K, H, W) float, summing to 1 over K; arrays, or tensors on the device to work on. Or a list of
            these, of any sizes: on a GPU in one lattice, on the CPU as many are in work as there are cores.
        image: (H, W, 3) uint8 RGB, or as many as there are probabilities.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        backend: `torch`, `pydensecrf`, or `auto`, which is `torch`.

    Returns:
        (K, H, W) float32, summing to 1 over K, 0 for labels left out; a list for a list.

    Raises:
        ValueError: If shapes do not agree, values are not finite, or the backend is unknown.
        InputError: If the backend is `pydensecrf` and it is not installed.
    """
    settings = params or Crf()
    if isinstance(probabilities, (np.ndarray, Tensor)):
        assert isinstance(image, (np.ndarray, Tensor))
        return _refine([probabilities], [image], settings, backend)[0]
    images: Sequence[Image] = image  # type: ignore[assignment]
    return fastest(lambda some, theirs: _refine(some, theirs, settings, backend), probabilities, images, backend)


def dense_crf_batch(
    probabilities: Sequence[Array],
    images: Sequence[Image],
    params: Crf | None = None,
    pixels_at_once: int = PIXELS_AT_ONCE,
) -> list[Array]:
    """Compute `dense_crf` for many images in one lattice, on any device: as many operations as for one image.

    `dense_crf` on a list does this on a GPU. On the CPU it takes threads, which are faster.

    Args:
        probabilities: (K, H, W) float for each image, summing to 1 over K, of any sizes and numbers of labels.
        images: (H, W, 3) uint8 RGB, as many.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        pixels_at_once: Most pixels in one lattice, or one image; what memory bounds.

    Returns:
        (K, H, W) float32 for each image, summing to 1 over K, 0 for labels left out.

    Raises:
        ValueError: If shapes do not agree or values are not finite.
    """
    settings = params or Crf()
    return in_batches(
        lambda some, theirs: _refine(some, theirs, settings, "torch"), probabilities, images, pixels_at_once
    )


@torch.no_grad()
def _refine(probabilities: Sequence[Array], images: Sequence[Image], params: Crf, backend: str) -> list[Array]:
    tensors = [as_tensor(one) for one in probabilities]
    _check(tensors, images)
    kept = _labels_that_matter(tensors, params.minimum_probability)
    energies = list(map(_energies, tensors, kept))
    marginals = marginals_at_once(energies, images, params, backend)
    results = []
    for whole, labels, found in zip(probabilities, kept, marginals, strict=True):
        result = found
        if labels is not None:
            result = torch.zeros(tuple(whole.shape), device=found.device).index_copy_(0, labels, found)
        results.append(result if isinstance(whole, Tensor) else result.numpy())
    return results


def _check(probabilities: Sequence[Tensor], images: Sequence[Image]) -> None:
    for given, image in zip(probabilities, images, strict=True):
        shape, size = tuple(given.shape), tuple(image.shape)
        if len(shape) != 3 or size != (*shape[1:], 3):
            raise ValueError(f"need probabilities (K, H, W) and image (H, W, 3), got {shape}, {size}")


def _energies(probabilities: Tensor, labels: Tensor | None) -> Tensor:
    chosen = probabilities if labels is None else probabilities.index_select(0, labels)
    return chosen.float().clamp(1e-8, 1.0).log_().neg_()


def _labels_that_matter(probabilities: Sequence[Tensor], minimum: float) -> list[Tensor | None]:
    """Choose the labels of each image that stay, (k,) int64, None for all; a pixel's strongest is always among them.

    The host reads once for all images, and sees at the same time whether all values are finite.
    """
    asked: list[Tensor] = []
    for given in probabilities:
        peaks = given.amax((1, 2))
        asked += [given.amin().view(1), peaks]
        if minimum * len(given) >= 1:  # else the strongest label of a pixel is above the minimum
            asked.append(torch.zeros_like(peaks).index_fill_(0, given.argmax(0).flatten(), 1))
    answers: list[float] = torch.cat(asked).tolist()
    limit = float(np.float32(minimum))  # as probabilities are
    kept: list[Tensor | None] = []
    for given in probabilities:
        count = len(given)
        lowest, highest, answers = answers[0], answers[1 : 1 + count], answers[1 + count :]
        if not all(map(math.isfinite, (lowest, *highest))):
            raise ValueError(f"probabilities {tuple(given.shape)} hold values that are not finite")
        strongest = [0.0] * count
        if minimum * count >= 1:
            strongest, answers = answers[:count], answers[count:]
        labels = [label for label in range(count) if highest[label] > limit or strongest[label]]
        kept.append(None if len(labels) == count else from_host(labels, torch.int64, given.device))
    return kept


def saliency_energies(saliency: Array, temperature: float = 1.05, epsilon: float = 1e-8) -> Array:
    """Compute the energies of background and foreground for the CRF of a saliency map.

    The energies of DSS (Hou et al., TPAMI 2019), as AuxSegNet's released code takes them: -log p / (t sigmoid(p)).

    Args:
        saliency: (..., H, W) in [0, 1], array or tensor.
        temperature: t; 1.05 in the released code.
        epsilon: Added to probabilities before the logarithm.

    Returns:
        (..., 2, H, W) float32, background first; an array for an array.

    Raises:
        ValueError: If a value lies outside [0, 1].
    """
    given = as_tensor(saliency)
    if not bool(((given >= 0) & (given <= 1)).all()):
        raise ValueError(f"saliency {tuple(given.shape)} must lie in [0, 1]")
    probabilities = torch.stack([1 - given, given], -3).float()
    energies = -torch.log(probabilities + epsilon) / (temperature * torch.sigmoid(probabilities))
    return energies if isinstance(saliency, Tensor) else energies.numpy()
