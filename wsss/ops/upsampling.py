"""Put maps where they belong: from the features of a network to pixels, and labels from pixels to features (torch).

Strided layers centre features neither in their cells nor all in the same way, so maps that are resized as if they did
lie up to half a stride beside the image. Each backbone knows its `FeatureGrid`; all maps go through here.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from wsss.grid import PIXELS, FeatureGrid


def upsample(maps: Tensor, size: tuple[int, int], grid: FeatureGrid = PIXELS, onto: FeatureGrid = PIXELS) -> Tensor:
    """Interpolate maps bilinearly, in float32 at any precision around it; differentiable in the maps.

    Beyond the outermost features, the nearest one's value stands. Two small matrix products do it: one kernel each on
    any device, and a backward pass without atomic additions.

    Args:
        maps: (N, C, h, w), at the features of images whose sides are h and w times the stride.
        size: Height and width of the result. Its pixels cover the same images, at any scale.
        grid: Where the maps lie.
        onto: Where the result lies: on pixels, or on the features of the same images at another scale.

    Returns:
        (N, C, *size) float32. Equal to `interpolate(..., mode="bilinear", align_corners=False)` where both lie in the
        centres of their cells.
    """
    with torch.autocast(maps.device.type, enabled=False):
        rows = _weights(maps.shape[2], size[0], grid.offset, onto.offset, maps.device)
        columns = _weights(maps.shape[3], size[1], grid.offset, onto.offset, maps.device)
        values = maps.float().contiguous()
        # the wider direction last: the first product has the fewer rows
        return torch.matmul(rows, torch.matmul(values, columns.mT))


def onto_labels(logits: Tensor, labels: Tensor, grid: FeatureGrid = PIXELS) -> Tensor:
    """Put logits on the pixels of label maps, in float32: half precision would round what lies between two features.

    Args:
        logits: (N, K, h, w), of any precision.
        labels: (N, H, W).
        grid: Where logits of another size than the labels lie; those of the same size lie on pixels.

    Returns:
        (N, K, H, W) float32.
    """
    size = (labels.shape[1], labels.shape[2])
    return logits.float() if tuple(logits.shape[2:]) == size else upsample(logits, size, grid)


def nearest(maps: Tensor, size: tuple[int, int], grid: FeatureGrid = PIXELS, onto: FeatureGrid = PIXELS) -> Tensor:
    """Resize maps, such as labels, without mixing values: each point of the result takes that of the nearest.

    Args:
        maps: (N, h, w), of any type.
        size: Height and width of the result, which covers the same images.
        grid: Where the maps lie.
        onto: Where the result lies; a feature takes the value of the pixel on which it is centred.

    Returns:
        (N, *size), of the same type.
    """
    if tuple(maps.shape[1:]) == tuple(size) and grid.offset == onto.offset:
        return maps
    rows = _nearest(maps.shape[1], size[0], grid.offset, onto.offset, maps.device)
    columns = _nearest(maps.shape[2], size[1], grid.offset, onto.offset, maps.device)
    return maps.index_select(1, rows).index_select(2, columns)


@lru_cache(maxsize=512)
def _weights(length: int, size: int, offset: float, onto: float, device: torch.device) -> Tensor:
    """Return the matrix (size, length) of linear interpolation; kept, for sizes and offsets are few."""
    # kept for passes that learn too, whoever asks first
    with torch.inference_mode(False):
        places = _places(length, size, offset, onto).clamp(0, length - 1)
        distance = (places[:, None] - torch.arange(length, dtype=torch.float64)).abs()
        return (1 - distance).clamp(min=0).float().to(device)


@lru_cache(maxsize=512)
def _nearest(length: int, size: int, offset: float, onto: float, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return (_places(length, size, offset, onto) + 0.5).floor().clamp(0, length - 1).long().to(device)


def _places(length: int, size: int, offset: float, onto: float) -> Tensor:
    """Return where `size` points lie among `length` others that cover the same extent, counted in these: float64."""
    return (torch.arange(size, dtype=torch.float64) + onto) * (length / size) - offset
