"""CAMs of a large photograph, of which the classifier sees a tile at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wsss.config import Cams
from wsss.data.windows import Photograph
from wsss.models.classifier import Classifier
from wsss.ops.cams import multi_scale_cams, normalize_cams
from wsss.ops.tiles import Blending
from wsss.stages.cam_batches import CAM_STRIDE, cam_size
from wsss.stages.forward import Forward
from wsss.stages.tiling import Size, tiles_of


def tiled_cams(
    network: Classifier,
    photograph: Photograph,
    size: Size,
    classes: np.ndarray,
    settings: Cams,
    forward: Forward,
    device: torch.device,
) -> np.ndarray:
    """Make the CAMs of a large photograph, of the classes that it shows: (P, h, w) float16 in [0, 1].

    They are divided by their maxima over the whole photograph.

    Args:
        network: On the device.
        photograph: The photograph.
        size: Height and width of the whole as networks see it, multiples of `wsss.grid.GRID`.
        classes: Counted without background, (P,).
        settings: Scales, flip, tiles.
        forward: Of the device.
        device: Where to work.
    """
    assert settings.tiles is not None

    def maps(images: Tensor) -> Tensor:
        found = network(images, cams=True).cams
        assert found is not None
        return found

    def compute(images: Tensor) -> Tensor:
        return forward(maps, images)

    whole = torch.empty(len(classes), size[0] // CAM_STRIDE, size[1] // CAM_STRIDE)
    chosen, blending = torch.from_numpy(classes).to(device), Blending(whole.shape[2])
    for rows, columns, images in tiles_of(photograph, size, settings.tiles, device):
        made = multi_scale_cams(compute, images, settings.scales, settings.flip, cam_size(images), network.grid)
        down, across = rows.divided(CAM_STRIDE), columns.divided(CAM_STRIDE)
        finished = blending.add(down, across, made[0, chosen])
        whole[:, down.start : down.start + down.own, across.start : across.start + across.own] = finished.cpu()
    return normalize_cams(whole).half().numpy()
