"""Tiles of an image that overlap, and the blending of what is computed on each (torch).

Weights fall linearly over an overlap, so that the borders of a tile, where a network lacks the surroundings, count
least, and every point's weights sum to 1. Inferred: the common way of large images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wsss.grid import GRID


@dataclass(frozen=True)
class Span:
    """The part of a length that a tile covers.

    Attributes:
        start: First point.
        stop: The point after the last.
        before: Points that it shares with the tile before.
        after: Points that it shares with the next tile.
    """

    start: int
    stop: int
    before: int = 0
    after: int = 0

    @property
    def own(self) -> int:
        """Points that no later tile changes."""
        return self.stop - self.start - self.after

    def divided(self, stride: int) -> Span:
        """Return the span in maps of which a point is `stride` points of the image wide."""
        return Span(*(value // stride for value in (self.start, self.stop, self.before, self.after)))

    def weights(self, device: torch.device) -> Tensor:
        """Return the weight of each point, (stop - start,) float32."""
        found = torch.ones(self.stop - self.start, device=device)
        if self.before:
            found[: self.before] = (torch.arange(self.before, device=device) + 0.5) / self.before
        if self.after:
            found[self.own :] = 1 - (torch.arange(self.after, device=device) + 0.5) / self.after
        return found


def spans(length: int, side: int, overlap: int) -> list[Span]:
    """Divide a length into tiles of one size, the last perhaps smaller; a point lies in two at most.

    Args:
        length: Points, a multiple of `wsss.grid.GRID`; so all tiles begin on the grid and features keep their places.
        side: Largest tile, such a multiple too.
        overlap: Points that neighbours share, such a multiple too; a third of `side` at most.

    Raises:
        ValueError: If one is no such multiple, or the overlap is too wide.
    """
    if length % GRID or side % GRID or overlap % GRID or not 0 <= overlap * 3 <= side:
        raise ValueError(f"expected multiples of {GRID} and overlap <= side / 3, got {(length, side, overlap)}")
    if length <= side:
        return [Span(0, length)]
    cells = (length - overlap) // GRID
    count = -(-cells // ((side - overlap) // GRID))
    step = -(-cells // count) * GRID
    count = -(-cells * GRID // step)
    return [
        Span(
            index * step,
            min(index * step + step + overlap, length),
            overlap if index else 0,
            overlap if index < count - 1 else 0,
        )
        for index in range(count)
    ]


class Blending:
    """Blends tiles that come row by row, and holds of them only what later tiles change.

    That is one row of overlaps, as wide as the whole, which the next row of tiles is written over as it is read, and
    the right edge of one tile.

    Args:
        width: Of the whole, in points.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._right: Tensor | None = None
        self._below: Tensor | None = None

    def add(self, rows: Span, columns: Span, values: Tensor) -> Tensor:
        """Add a tile; return the part of the whole that is finished by it.

        Args:
            rows: Of the tile.
            columns: Of the tile. Tiles come from left to right, then from top to bottom.
            values: (K, h, w) float32; changed.

        Returns:
            (K, rows.own, columns.own), which begins where the tile does.
        """
        weighted = values.mul_(rows.weights(values.device)[:, None]).mul_(columns.weights(values.device))
        own = weighted[:, :, : columns.own]
        if columns.before:
            assert self._right is not None
            own[:, :, : columns.before] += self._right
        # a copy: what is kept of a tile must not keep the whole of it
        self._right = weighted[:, :, columns.own :].clone()
        finished = own[:, : rows.own].clone()
        across = slice(columns.start, columns.start + columns.own)
        if rows.before:
            assert self._below is not None
            finished[:, : rows.before] += self._below[:, :, across]
        if rows.after:
            if self._below is None:
                self._below = values.new_empty(values.shape[0], rows.after, self._width)
            self._below[:, :, across] = own[:, rows.own :]
        return finished
