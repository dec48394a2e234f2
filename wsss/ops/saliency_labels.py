"""Saliency labels from a soft saliency map and its photograph: the binary dense CRF of AuxSegNet (numpy)."""

from __future__ import annotations

import numpy as np

from wsss.config import SaliencyCrf
from wsss.errors import InputError

EPSILON = 1e-8


def saliency_energies(saliency: np.ndarray, temperature: float = 1.05) -> np.ndarray:
    """The unary energies of background and foreground (recipe of DSS, Hou et al. 2019; AuxSegNet, released code).

    Of a probability p, -log(p + 1e-8) / (temperature x sigmoid(p)): p is the saliency for foreground, one minus it for
    background.

    Args:
        saliency: (H, W) in [0, 1].
        temperature: As above.

    Returns:
        (2, H, W) float32, background first.
    """
    probabilities = np.stack([1 - saliency, saliency]).astype(np.float64)
    return (-np.log(probabilities + EPSILON) * (1 + np.exp(-probabilities)) / temperature).astype(np.float32)


def refine_saliency(saliency: np.ndarray, image: np.ndarray, crf: SaliencyCrf) -> np.ndarray:
    """The probability of foreground after mean-field inference.

    Args:
        saliency: (H, W) in [0, 1].
        image: (H, W, 3) uint8 RGB.
        crf: Widths, compatibilities, iterations.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        InputError: If the CRF is not installed.
        ValueError: If shapes do not agree.
    """
    if saliency.ndim != 2 or image.shape != (*saliency.shape, 3):
        raise ValueError(f"need saliency (H, W) and image (H, W, 3), got {saliency.shape} and {image.shape}")
    try:
        import pydensecrf.densecrf as reference
    except ImportError:
        raise InputError("the dense CRF needs pydensecrf: `pip install wsss[crf]` (a C++ compiler is needed)") from None
    height, width = saliency.shape
    field = reference.DenseCRF2D(width, height, 2)
    field.setUnaryEnergy(np.ascontiguousarray(saliency_energies(saliency, crf.temperature).reshape(2, -1)))
    field.addPairwiseGaussian(sxy=crf.gaussian_sxy, compat=crf.gaussian_compat)
    field.addPairwiseBilateral(
        sxy=crf.bilateral_sxy, srgb=crf.bilateral_srgb, rgbim=np.ascontiguousarray(image), compat=crf.bilateral_compat
    )
    return np.asarray(field.inference(crf.iterations), np.float32)[1].reshape(height, width)
