"""Saliency labels from a soft saliency map and its photograph: the binary dense CRF of AuxSegNet."""

from __future__ import annotations

import torch
from torch import Tensor

from wsss.config.rounds import SaliencyCrf
from wsss.ops.crf import saliency_energies
from wsss.ops.crf_of_many import crf_marginals
from wsss.ops.mean_field import as_tensor


def refine_saliency(saliency: Tensor, images: Tensor, crf: SaliencyCrf) -> Tensor:
    """Compute the probability of foreground by mean-field inference, from the energies of DSS.

    Args:
        saliency: (N, H, W) in [0, 1], on the device to work on.
        images: (N, H, W, 3) uint8 RGB.
        crf: Widths, compatibilities, iterations, temperature of the energies.

    Returns:
        (N, H, W) float32 in [0, 1].

    Raises:
        ValueError: If shapes do not agree or a value lies outside [0, 1].
        InputError: If the backend is `pydensecrf` and it is not installed.
    """
    if saliency.ndim != 3 or images.shape != (*saliency.shape, 3):
        raise ValueError(
            f"need saliency (N, H, W) and images (N, H, W, 3), got {tuple(saliency.shape)} and {tuple(images.shape)}"
        )
    energies = saliency_energies(saliency.float(), crf.temperature)
    marginals = crf_marginals(list(energies), list(images), crf, crf.backend)
    return torch.stack([as_tensor(one)[1] for one in marginals])
