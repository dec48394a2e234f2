"""The tiles of a large image, as a network takes them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from wsss.config import Tiles
from wsss.data.windows import Photograph
from wsss.grid import GRID, snapped
from wsss.ops.tiles import Span, spans

Size = tuple[int, int]
"""Height and width."""


def tiles_of(
    photograph: Photograph, size: Size, tiles: Tiles, device: torch.device
) -> Iterator[tuple[Span, Span, Tensor]]:
    """Yield rows, columns and pixels (1, C, h, w) in [0, 1] of each tile, from left to right, then downwards.

    Args:
        photograph: The photograph.
        size: Of the whole as networks see it, multiples of `wsss.grid.GRID`.
        tiles: Their side and overlap.
        device: For the pixels.
    """
    side = snapped(tiles.side)
    wanted = tiles.side / 8 if tiles.overlap is None else tiles.overlap
    overlap = min(round(wanted / GRID) * GRID, side // 3 // GRID * GRID)
    for rows in spans(size[0], side, overlap):
        for columns in spans(size[1], side, overlap):
            pixels = photograph.window((rows.start, rows.stop), (columns.start, columns.stop), size)
            images = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device).float().div_(255)
            yield rows, columns, images.contiguous(memory_format=torch.channels_last)
