"""A second view of a batch for label reassignment: by what the backbone saw before the training."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss.config import LabelReassign
from wsss.models.backbones import Backbone
from wsss.ops.cams import multi_scale_cams


class SecondView(nn.Module):
    """The features of a backbone as it is now, over several scales and their mirror images. Inferred.

    Labels that are judged by the vectors that learn from them confirm themselves; these vectors never learn.

    Args:
        backbone: Copied; it may go on to learn.
        scales: Factors on the size of the images.
    """

    def __init__(self, backbone: Backbone, scales: Sequence[float]) -> None:
        super().__init__()
        self._backbone: Backbone = copy.deepcopy(backbone).requires_grad_(requires_grad=False).eval()
        self._scales = tuple(scales)

    def train(self, mode: bool = True) -> SecondView:
        """Stay in evaluation mode: no dropout, and no statistics that follow the batches."""
        return super().train(mode=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Compute the sum of unit vectors (N, D, h, w), float32, at the places of the features of scale 1.

        Args:
            images: (N, 3, H, W) in [0, 1].
        """
        grid = self._backbone.grid
        height, width = (length // grid.stride for length in images.shape[2:])
        return multi_scale_cams(self._unit_vectors, images, self._scales, True, (height, width), grid, grid)

    def _unit_vectors(self, images: Tensor) -> Tensor:
        return functional.normalize(self._backbone(images).float(), dim=1)


def second_view(backbone: Backbone, settings: LabelReassign) -> SecondView | None:
    """Return the view by which labels change; None where the embeddings that learn judge, or nothing is reassigned."""
    if settings.weight == 0 or settings.judge == "own":
        return None
    return SecondView(backbone, settings.judge_scales)
