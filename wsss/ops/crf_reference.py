"""The dense CRF by pydensecrf, the C++ code of its authors, to check `wsss.ops.DenseCRF` against."""

from __future__ import annotations

import numpy as np

from wsss.config import Crf
from wsss.errors import InputError


def reference_marginals(energies: np.ndarray, image: np.ndarray, params: Crf) -> np.ndarray:
    """Compute marginals (K, H, W) float32 from energies (K, H, W) float32 and an image (H, W, 3) uint8.

    Raises:
        InputError: If pydensecrf is not installed.
    """
    try:
        import pydensecrf.densecrf as reference
    except ImportError:
        raise InputError(
            "the CRF backend `pydensecrf` is not installed: `pip install wsss[crf]` (needs a C++ compiler), or set "
            "the backend to `torch`"
        ) from None
    labels, height, width = energies.shape
    crf = reference.DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(np.require(energies.reshape(labels, -1), np.float32, ["C", "W"]))
    if params.gaussian_compat > 0:
        crf.addPairwiseGaussian(sxy=params.gaussian_sxy, compat=params.gaussian_compat)
    if params.bilateral_compat > 0:
        crf.addPairwiseBilateral(
            sxy=params.bilateral_sxy,
            srgb=params.bilateral_srgb,
            rgbim=np.require(image, requirements=["C", "W"]),
            compat=params.bilateral_compat,
        )
    return np.asarray(crf.inference(params.iterations), np.float32).reshape(energies.shape)
