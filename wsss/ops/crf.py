"""The dense CRF in one call: for one image or several, from probabilities or from a saliency map."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import overload

import numpy as np
import torch
from torch import Tensor

from wsss.config import Crf
from wsss.ops.mean_field import Array, DenseCRF, all_finite, as_tensor
from wsss.parallel import map_in_threads


@overload
def dense_crf(
    probabilities: Array, image: np.ndarray | Tensor, params: Crf | None = None, backend: str = "auto"
) -> Array: ...
@overload
def dense_crf(
    probabilities: Sequence[Array],
    image: Sequence[np.ndarray | Tensor],
    params: Crf | None = None,
    backend: str = "auto",
) -> list[Array]: ...
def dense_crf(  # type: ignore[misc]
    probabilities: Array | Sequence[Array],
    image: np.ndarray | Tensor | Sequence[np.ndarray | Tensor],
    params: Crf | None = None,
    backend: str = "auto",
) -> Array | list[Array]:
    """Compute marginals of the fully connected CRF, by `DenseCRF` on negative logarithms of probabilities.

    Labels that are nowhere as probable as `params.minimum_probability` and nowhere the most probable are left out.
    `DenseCRF.marginal_bound` bounds the marginal that each of them could have reached; docs/performance.md measures how
    little the others change.

    Args:
        probabilities: (K, H, W) float, summing to 1 over K; arrays, or tensors on the device to work on. Or a list of
            these, of any sizes: on the CPU as many are in work as there are cores.
        image: (H, W, 3) uint8 RGB, or as many as there are probabilities.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        backend: `torch`, `pydensecrf`, or `auto`, which is `torch`.

    Returns:
        (K, H, W) float32, summing to 1 over K, 0 for labels left out; a list for a list.

    Raises:
        ValueError: If shapes do not agree, values are not finite, or the backend is unknown.
        InputError: If the backend is `pydensecrf` and it is not installed.
    """
    if isinstance(probabilities, (np.ndarray, Tensor)):
        assert isinstance(image, (np.ndarray, Tensor))
        return _refine(probabilities, image, params or Crf(), backend)
    if len(probabilities) != len(image):
        raise ValueError(f"need one image for each of {len(probabilities)} probabilities, got {len(image)}")

    def refine(pair: tuple[Array, np.ndarray | Tensor]) -> Array:
        return _refine(*pair, params or Crf(), backend)

    pairs = list(zip(probabilities, image, strict=True))
    if backend == "pydensecrf" or any(isinstance(item, Tensor) and item.is_cuda for item in probabilities):
        return [refine(pair) for pair in pairs]
    workers = min(len(pairs), len(os.sched_getaffinity(0))) or 1
    return list(map_in_threads(refine, pairs, workers=workers, in_flight=2 * workers, torch_threads=1))


def _refine(probabilities: Array, image: np.ndarray | Tensor, params: Crf, backend: str) -> Array:
    result = _refine_tensor(as_tensor(probabilities), image, params, backend)
    return result if isinstance(probabilities, Tensor) else result.numpy()


def _refine_tensor(probabilities: Tensor, image: np.ndarray | Tensor, params: Crf, backend: str) -> Tensor:
    shape = tuple(probabilities.shape)
    if len(shape) != 3 or tuple(image.shape) != (*shape[1:], 3):
        raise ValueError(f"need probabilities (K, H, W) and image (H, W, 3), got {shape}, {tuple(image.shape)}")
    if not all_finite(probabilities):
        raise ValueError(f"probabilities {shape} hold values that are not finite")
    crf = DenseCRF(image, params, backend, probabilities.device)
    matter = _labels_that_matter(probabilities, params.minimum_probability)
    if matter.all():
        return crf.marginals(_energies(probabilities))
    result = torch.zeros(shape, device=probabilities.device)
    result[matter] = crf.marginals(_energies(probabilities[matter]))
    return result


def _energies(probabilities: Tensor) -> Tensor:
    return probabilities.float().clamp(1e-8, 1.0).log_().neg_()


def _labels_that_matter(probabilities: Tensor, minimum: float) -> Tensor:
    """Choose the labels that stay, (K,) bool; the strongest label of each pixel is always among them."""
    matter = probabilities.flatten(1).amax(1) > minimum
    if minimum * len(probabilities) >= 1:  # else the strongest label of a pixel is above the minimum
        matter[probabilities.argmax(0).unique()] = True
    return matter


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
