"""The fully connected CRF of Kraehenbuehl and Koltun (NeurIPS 2011)."""

from __future__ import annotations

import numpy as np

from wsss.config import Crf
from wsss.errors import InputError


def dense_crf(
    probabilities: np.ndarray, image: np.ndarray, params: Crf | None = None, backend: str = "auto"
) -> np.ndarray:
    """Marginals after mean-field inference with a Gaussian and a bilateral Potts term.

    Args:
        probabilities: (K, H, W) float, summing to 1 over K; the unary energy is its negative logarithm.
        image: (H, W, 3) uint8 RGB.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        backend: `auto` or `pydensecrf` (from the package pydensecrf2).

    Returns:
        (K, H, W) float32, summing to 1 over K; 0 for classes left out by `params.minimum_probability`.

    Raises:
        InputError: If the backend is not installed.
        ValueError: If shapes do not agree or values are not finite.
    """
    if probabilities.ndim != 3 or image.shape != (*probabilities.shape[1:], 3):
        raise ValueError(f"need probabilities (K, H, W) and image (H, W, 3), got {probabilities.shape}, {image.shape}")
    if not np.isfinite(probabilities).all():
        raise ValueError(f"probabilities {probabilities.shape} hold values that are not finite")
    params = params or Crf()
    if backend not in ("auto", "pydensecrf"):
        raise ValueError(f"unknown CRF backend `{backend}`: use `auto` or `pydensecrf`")
    try:
        import pydensecrf.densecrf as reference
    except ImportError:
        raise InputError("the dense CRF needs pydensecrf: `pip install wsss[crf]` (a C++ compiler is needed)") from None
    # the strongest class of each pixel always stays, so every pixel keeps a label to take
    matter = (probabilities > params.minimum_probability).any((1, 2)) | _strongest_somewhere(probabilities)
    kept = probabilities[matter]
    count, height, width = kept.shape
    crf = reference.DenseCRF2D(width, height, count)
    unary = -np.log(np.clip(kept, 1e-8, 1.0)).reshape(count, -1).astype(np.float32)
    crf.setUnaryEnergy(np.ascontiguousarray(unary))
    crf.addPairwiseGaussian(sxy=params.gaussian_sxy, compat=params.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=params.bilateral_sxy,
        srgb=params.bilateral_srgb,
        rgbim=np.ascontiguousarray(image),
        compat=params.bilateral_compat,
    )
    result = np.zeros(probabilities.shape, np.float32)
    result[matter] = np.asarray(crf.inference(params.iterations), np.float32).reshape(count, height, width)
    return result


def _strongest_somewhere(probabilities: np.ndarray) -> np.ndarray:
    """(K,) whether a class is the strongest of some pixel."""
    found = np.zeros(len(probabilities), bool)
    found[np.unique(probabilities.argmax(0))] = True
    return found
