"""Saliency labels from a soft saliency map and its photograph: the binary dense CRF of AuxSegNet."""

from __future__ import annotations

import numpy as np
import torch

from wsss.config.rounds import SaliencyCrf
from wsss.ops.crf import saliency_energies
from wsss.ops.mean_field import DenseCRF


def refine_saliency(
    saliency: np.ndarray, image: np.ndarray, crf: SaliencyCrf, device: torch.device | str = "cpu"
) -> np.ndarray:
    """Compute the probability of foreground by mean-field inference, from the energies of DSS.

    Args:
        saliency: (H, W) in [0, 1].
        image: (H, W, 3) uint8 RGB.
        crf: Widths, compatibilities, iterations, temperature of the energies.
        device: Where to work.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: If shapes do not agree or a value lies outside [0, 1].
        InputError: If the backend is `pydensecrf` and it is not installed.
    """
    if saliency.ndim != 2 or image.shape != (*saliency.shape, 3):
        raise ValueError(f"need saliency (H, W) and image (H, W, 3), got {saliency.shape} and {image.shape}")
    energies = saliency_energies(saliency.astype(np.float32), crf.temperature)
    return DenseCRF(image, crf, crf.backend, device).marginals(energies)[1]
