"""Photographs of which a part at a time is seen, at the size of networks: never whole at any other size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.config import Tiles
from wsss.data.images import read_pictures
from wsss.data.reading import PLAIN, Reading
from wsss.grid import snapped

STRIP = 512
"""Rows that are worked on at a time."""


class Photograph:
    """A photograph in memory, 4 bytes a pixel, and its parts.

    Args:
        path: The file.
        reading: Bands, range, and most pixels.

    Attributes:
        size: Height and width.

    Raises:
        InputError: Where `read_image` does.
    """

    def __init__(self, path: str | Path, reading: Reading = PLAIN) -> None:
        self._pictures = read_pictures(path, reading)
        width, height = self._pictures[0].size
        self.size: tuple[int, int] = (height, width)

    @property
    def colours(self) -> Image.Image:
        """The first three bands, RGB; changes of it are changes of the photograph."""
        return self._pictures[0]

    def close(self) -> None:
        """Forget the pixels; the size stays."""
        self._pictures = []

    def window(self, rows: tuple[int, int], columns: tuple[int, int], of: tuple[int, int]) -> np.ndarray:
        """Return a part of the photograph resized to another size.

        Args:
            rows: First row of the part and the one after the last, at the other size.
            columns: Likewise.
            of: Height and width of the whole photograph at the other size.

        Returns:
            (rows, columns, C) uint8: but for what the borders of the part do not see, that part of the resized whole.
        """
        across, down = self.size[1] / of[1], self.size[0] / of[0]
        box = (columns[0] * across, rows[0] * down, columns[1] * across, rows[1] * down)
        size = (columns[1] - columns[0], rows[1] - rows[0])
        # rounding must not lead beyond the border
        box = (box[0], box[1], min(box[2], self.size[1]), min(box[3], self.size[0]))
        parts = [picture.resize(size, Image.Resampling.BILINEAR, box=box) for picture in self._pictures]
        return np.dstack([np.asarray(part) for part in parts])


def fits(tiles: Tiles | None, size: tuple[int, int]) -> bool:
    """Return whether an image of that height and width, as networks see it, is seen whole."""
    return tiles is None or max(size) <= snapped(tiles.side)


def parted(
    tiles: Tiles | None, ids: Sequence[str], size_of: Callable[[str], tuple[int, int]]
) -> tuple[list[str], list[str]]:
    """Divide images, given by name, into those that are seen whole and those that are seen in tiles."""
    whole = {name: fits(tiles, size_of(name)) for name in ids}
    return [name for name in ids if whole[name]], [name for name in ids if not whole[name]]
