"""Labels of a large photograph, of which network and CRF see a tile at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wsss.config import Protocol
from wsss.data.windows import Photograph
from wsss.ops.crf import dense_crf
from wsss.ops.mean_field import as_tensor
from wsss.ops.tiles import Blending
from wsss.stages.inference import pixels_of
from wsss.stages.tiling import Size, tiles_of


def tiled_labels(
    probabilities: Callable[[Tensor], Tensor],
    photograph: Photograph,
    size: Size,
    protocol: Protocol,
    device: torch.device,
) -> np.ndarray:
    """Segment a large photograph: (*size) uint8, of the size that networks see.

    Args:
        probabilities: Of a tile (1, C, h, w) in [0, 1]: (1, K, h, w), at the protocol's scales and flip.
        photograph: The photograph.
        size: Height and width of the whole as networks see it, multiples of `wsss.grid.GRID`.
        protocol: Tiles, and the CRF, which sees a tile at a time.
        device: Where the network is.
    """
    assert protocol.tiles is not None
    labels, blending = np.empty(size, np.uint8), Blending(size[1])
    for rows, columns, images in tiles_of(photograph, size, protocol.tiles, device):
        scores = probabilities(images)[0].float()
        if protocol.crf is not None:
            (refined,) = dense_crf([scores], list(pixels_of(images)), protocol.crf, protocol.crf.backend)
            scores = as_tensor(refined).to(scores)
        finished = blending.add(rows, columns, scores).argmax(0).to(torch.uint8)
        labels[rows.start : rows.start + rows.own, columns.start : columns.start + columns.own] = finished.cpu().numpy()
    return labels
