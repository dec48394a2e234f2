"""The grid of sizes that networks see, and where their features lie on an image. Numbers alone, no arrays."""

from __future__ import annotations

from dataclasses import dataclass

GRID = 32
"""Sides of every image that a network sees are multiples of it, in pixels: the largest stride of a backbone. Then few
shapes occur, batches are full, and features lie at the same places on every image. Inferred: no paper says more than
that images keep their size."""


def snapped(length: float) -> int:
    """Return the multiple of `GRID` that is nearest to a length in pixels; `GRID` at least."""
    return max(1, int(length / GRID + 0.5)) * GRID


def snapped_size(size: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
    """Snap height and width, times a scale; each is distorted by half of `GRID` at most, unless it is smaller."""
    return snapped(size[0] * scale), snapped(size[1] * scale)


@dataclass(frozen=True)
class FeatureGrid:
    """Where the features of a network lie on its input, the same for rows and columns.

    Attributes:
        stride: Pixels from one feature to the next.
        first: Pixel on which the first feature is centred; the centre of the first pixel is 0.
    """

    stride: int
    first: float

    @property
    def offset(self) -> float:
        """Distance of the first feature from the border of the image, in strides; 0.5 where features are centred."""
        return (self.first + 0.5) / self.stride


PIXELS = FeatureGrid(1, 0.0)
"""The pixels of an image. Also of features that are centred in their cells, at any stride: both have an offset of 0.5,
as interpolation with `align_corners=False` assumes."""
