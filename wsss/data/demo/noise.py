"""Random fields and colour helpers from which every texture of the demo is made.

All fields are `float32`. Lengths are pixels of the finished image, colours are RGB in 0..1.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.spatial import cKDTree

Shape = tuple[int, int]
Colour = tuple[float, float, float]


def spectral_noise(
    rng: np.random.Generator,
    shape: Shape,
    *,
    wavelength: float,
    exponent: float = 1.6,
    stretch: float = 1.0,
    angle: float = 0.0,
    finest: float = 1.0,
) -> np.ndarray:
    """Make noise with a power-law spectrum, zero mean and unit standard deviation.

    Args:
        rng: Source of randomness.
        shape: (H, W) of the field.
        wavelength: Size of the largest structures, in pixels.
        exponent: Fall-off of the amplitude with frequency: 1 is rough, 2.5 is cloud-like.
        stretch: How much longer structures are along `angle` than across it.
        angle: Direction of the stretch, in radians from the x axis.
        finest: Structures below about this many pixels are smoothed away.

    Returns:
        (H, W) field.
    """
    height, width = (next_fast_len(side + 8, real=True) for side in shape)
    spectrum = rfft2(rng.standard_normal((height, width), dtype=np.float32))
    fy = np.fft.fftfreq(height).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(width).astype(np.float32)[None, :]
    along = (fx * np.cos(angle) + fy * np.sin(angle)) * stretch
    across = fy * np.cos(angle) - fx * np.sin(angle)
    square = along * along + across * across
    spectrum *= (square + wavelength**-2.0) ** (-0.5 * exponent) * np.exp(-square * (0.5 * finest * np.pi) ** 2)
    spectrum[0, 0] = 0
    field = irfft2(spectrum, s=(height, width))[: shape[0], : shape[1]]
    return ((field - field.mean()) / (field.std() + 1e-6)).astype(np.float32)


def rotated_grid(shape: Shape, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return pixel coordinates about the centre, turned by `angle` radians: two (H, W) arrays (along, across)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y, x = y - 0.5 * shape[0], x - 0.5 * shape[1]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def cells(rng: np.random.Generator, shape: Shape, spacing: float, jitter: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Divide a field into Voronoi cells around the points of a jittered grid.

    Args:
        rng: Source of randomness.
        shape: (H, W) of the field.
        spacing: Mean distance of neighbouring points, in pixels.
        jitter: How far a point may leave its place in the grid, in parts of the spacing.

    Returns:
        (H, W) index of the cell, and (H, W) distance to its border in pixels.
    """
    rows, columns = (int(side / spacing) + 3 for side in shape)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x = x + 0.5 * (y % 2)
    points = np.stack([y, x], -1).reshape(-1, 2) - 1.0
    points = (points + jitter * (rng.random(points.shape) - 0.5)) * spacing
    grid = np.mgrid[: shape[0], : shape[1]].reshape(2, -1).T
    distances, nearest = cKDTree(points).query(grid, k=2)
    border = 0.5 * (distances[:, 1] - distances[:, 0])
    return nearest[:, 0].reshape(shape), border.reshape(shape).astype(np.float32)


def ramp(values: np.ndarray, colours: list[Colour]) -> np.ndarray:
    """Map a field to colours: 0 (and below) is the first colour, 1 (and above) the last.

    Args:
        values: (H, W) field.
        colours: At least two colours, evenly spaced.

    Returns:
        (H, W, 3) colours.
    """
    table = np.asarray(colours, np.float32)
    position = np.clip(values, 0, 1) * (len(table) - 1)
    lower = np.minimum(position.astype(np.int64), len(table) - 2)
    weight = (position - lower)[..., None]
    return (table[lower] * (1 - weight) + table[lower + 1] * weight).astype(np.float32)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the RGB of a colour given by hue (0..1, wraps), saturation and value."""
    sector = (hue % 1.0) * 6.0
    channels = []
    for offset in (5, 3, 1):
        k = (offset + sector) % 6.0
        channels.append(value * (1 - saturation * max(0.0, min(k, 4.0 - k, 1.0))))
    return channels[0], channels[1], channels[2]


def shade(colour: Colour, factor: float) -> Colour:
    """Make a colour darker (factor < 1) or lighter (factor > 1), kept within 0..1."""
    red, green, blue = (min(1.0, max(0.0, channel * factor)) for channel in colour)
    return red, green, blue


def jitter_colour(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    """Move every channel of a colour, and all of them together, by up to about `amount`."""
    common = rng.normal(0, amount)
    red, green, blue = (float(np.clip(c + common + rng.normal(0, 0.4 * amount), 0, 1)) for c in colour)
    return red, green, blue
