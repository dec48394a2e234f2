"""Refine a label map by the colours of its photograph: dense CRF, PAMR or PAR over probabilities made from labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wsss.config import Crf, Pamr, Par
from wsss.label_values import IGNORE_INDEX
from wsss.ops.crf import dense_crf
from wsss.ops.local_refinement import pamr, par


def label_probabilities(labels: Tensor, values: Sequence[int], trust: float) -> Tensor:
    """Turn labels into probabilities: `trust` for a pixel's own label, the rest for the others in equal parts.

    Args:
        labels: (H, W) uint8; what is in none of `values` (255) gives every value the same probability.
        values: Label values that may occur, K of them, background among them where there is one.
        trust: In (0, 1).

    Returns:
        (K, H, W) float32, summing to 1 over K.

    Raises:
        ValueError: If a label is neither 255 nor among the values.
    """
    known = torch.tensor(list(values), device=labels.device)
    own = labels[None] == known[:, None, None].to(labels.dtype)
    unknown = ~own.any(0)
    if bool((unknown & (labels != IGNORE_INDEX)).any()):
        raise ValueError(f"labels hold other values than {list(values)} and {IGNORE_INDEX}")
    others = (1 - trust) / max(len(values) - 1, 1)
    probabilities = torch.where(own, trust if len(values) > 1 else 1.0, others).float()
    return probabilities.masked_fill_(unknown[None], 1 / len(values))


def refine_probabilities(
    probabilities: Sequence[Tensor], images: Sequence[Tensor], settings: Crf | Pamr | Par
) -> list[Tensor]:
    """Refine probabilities by the colours of photographs: dense CRF, PAMR or PAR, by the kind of the settings.

    Args:
        probabilities: (K, H, W) for each photograph, summing to 1 over K, of any K and size.
        images: (H, W, 3) uint8 RGB, as many, on the same device.
        settings: Parameters of the refinement.

    Returns:
        (K, H, W) float32 for each, summing to 1 over K.
    """
    if isinstance(settings, Crf):
        return dense_crf(probabilities, images, settings, settings.backend)
    return [_refine_locally(maps, image, settings) for maps, image in zip(probabilities, images, strict=True)]


def _refine_locally(probabilities: Tensor, image: Tensor, settings: Pamr | Par) -> Tensor:
    colours = image.permute(2, 0, 1)[None].float()
    maps = probabilities[None]
    refined = pamr(maps, colours, settings) if isinstance(settings, Pamr) else par(maps, colours, settings)
    # the weights of PAR add up to more than 1
    return refined[0] / refined[0].sum(0, keepdim=True)
