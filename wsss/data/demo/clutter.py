"""Small things of no class: grass, leaves, twigs, pebbles, flowers; drawn with Pillow at twice the size and reduced."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from wsss.data.demo.noise import Colour, Shape, hsv, jitter_colour, shade

_FACTOR = 2
_CLEAR = (0, 0, 0, 0)
Scatter = Callable[[np.random.Generator, ImageDraw.ImageDraw, Shape, int], None]


def _fill(colour: Colour) -> tuple[int, int, int, int]:
    red, green, blue = (int(255 * channel) for channel in colour)
    return red, green, blue, 255


def _spots(rng: np.random.Generator, shape: Shape, horizon: int, count: int) -> np.ndarray:
    """Choose places on the ground, from far to near: (count, 3) of x, y and scale, at the size of the drawing."""
    height, width = shape
    near = np.sort(rng.random(count))
    y = horizon + 3 + near * (height - horizon)
    scale = (0.5 + 0.5 * near) if horizon else np.full(count, 0.9)
    return np.stack([rng.random(count) * width * _FACTOR, y * _FACTOR, scale * _FACTOR], 1)


def _grass(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int) -> None:
    base = hsv(rng.uniform(0.19, 0.3), rng.uniform(0.4, 0.65), rng.uniform(0.35, 0.6))
    for x, y, scale in _spots(rng, shape, horizon, int(rng.integers(150, 420))):
        length, lean = rng.uniform(4, 11) * scale, rng.normal(0, 3) * scale
        tip, root = (x + lean, y - length), 0.7 * scale
        draw.polygon([(x - root, y), tip, (x + root, y)], fill=_fill(shade(jitter_colour(rng, base, 0.07), 0.9)))


def _leaves(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int, most: int = 150) -> None:
    hue = rng.uniform(0.02, 0.12)
    for x, y, scale in _spots(rng, shape, horizon, int(rng.integers(most // 4, most))):
        angle, length, width = rng.uniform(0, np.pi), rng.uniform(4, 8.5) * scale, rng.uniform(1.6, 3.2) * scale
        colour = hsv(hue + rng.normal(0, 0.03), rng.uniform(0.3, 0.75), rng.uniform(0.3, 0.75))
        along = np.array([np.cos(angle), 0.75 * np.sin(angle)]) * length
        across = np.array([-np.sin(angle), 0.75 * np.cos(angle)]) * width
        centre = np.array([x, y])
        steps = np.array([(-1, 0), (-0.4, 0.9), (0.3, 0.8), (1, 0), (0.3, -0.8), (-0.4, -0.9)])
        outline = centre + steps[:, :1] * along + steps[:, 1:] * across
        draw.polygon([tuple(p + scale) for p in outline], fill=_fill((0.09, 0.07, 0.05)))
        draw.polygon([tuple(p) for p in outline], fill=_fill(colour))
        draw.line([tuple(centre - along), tuple(centre + along)], fill=_fill(shade(colour, 0.65)), width=1)


def _floating(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int) -> None:
    _leaves(rng, draw, shape, horizon, most=24)


def _twigs(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int) -> None:
    base = hsv(rng.uniform(0.04, 0.1), rng.uniform(0.2, 0.5), rng.uniform(0.25, 0.5))
    for x, y, scale in _spots(rng, shape, horizon, int(rng.integers(4, 14))):
        steps = int(rng.integers(3, 7))
        heading = rng.uniform(-0.7, 0.7) + np.cumsum(rng.normal(0, 0.25, steps))
        length = rng.uniform(4, 9) * scale
        track = np.array([x, y]) + np.cumsum(np.stack([np.cos(heading), 0.6 * np.sin(heading)], 1) * length, 0)
        colour, width = jitter_colour(rng, base, 0.05), max(2, round(rng.uniform(0.8, 2.0) * scale))
        draw.line([tuple(p + scale) for p in track], fill=_fill(shade(colour, 0.35)), width=width)
        draw.line([tuple(p) for p in track], fill=_fill(colour), width=width)


def _pebbles(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int) -> None:
    base = hsv(rng.random(), rng.uniform(0.03, 0.2), rng.uniform(0.4, 0.75))
    for x, y, scale in _spots(rng, shape, horizon, int(rng.integers(12, 50))):
        rx = rng.uniform(1.2, 5.0) * scale
        ry = rx * rng.uniform(0.5, 0.8)
        colour = jitter_colour(rng, base, 0.09)
        for offset, size, tone in ((0.35, 1.05, 0.25), (0.0, 1.0, 0.75), (-0.12, 0.8, 1.0), (-0.28, 0.45, 1.2)):
            cx, cy = x + offset * rx, y + offset * ry
            draw.ellipse(
                (cx - rx * size, cy - ry * size, cx + rx * size, cy + ry * size), fill=_fill(shade(colour, tone))
            )


def _lilies(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int) -> None:
    """Draw floating leaves with a notch, in loose groups."""
    base = hsv(rng.uniform(0.2, 0.36), rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.6))
    for x, y, scale in _spots(rng, shape, horizon, int(rng.integers(2, 6))):
        for _ in range(int(rng.integers(1, 5))):
            cx, cy = x + rng.normal(0, 9) * scale, y + rng.normal(0, 4) * scale
            rx, notch, colour = rng.uniform(2.5, 6.5) * scale, int(rng.integers(360)), jitter_colour(rng, base, 0.05)
            box = (cx - rx, cy - 0.5 * rx, cx + rx, cy + 0.5 * rx)
            draw.ellipse(tuple(side + scale for side in box), fill=_fill(shade(colour, 0.25)))
            draw.pieslice(box, notch + 20, notch + 340, fill=_fill(colour), outline=_fill(shade(colour, 0.7)))


def _flowers(rng: np.random.Generator, draw: ImageDraw.ImageDraw, shape: Shape, horizon: int) -> None:
    """Draw blossoms in the vivid colours of the parts, so that a vivid colour is no proof of an object."""
    petal = hsv(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.75, 1.0))
    heart = hsv(rng.uniform(0.08, 0.16), 0.85, 0.9)
    for x, y, scale in _spots(rng, shape, horizon, int(rng.integers(8, 26))):
        size, colour = rng.uniform(1.6, 3.4) * scale, jitter_colour(rng, petal, 0.05)
        draw.line([(x, y), (x, y - 3 * size)], fill=_fill((0.2, 0.35, 0.12)), width=2)
        for angle in np.linspace(0, 2 * np.pi, 6)[:-1] + rng.random():
            px, py = x + 0.8 * size * np.cos(angle), y - 3 * size + 0.65 * size * np.sin(angle)
            draw.ellipse((px - 0.6 * size, py - 0.5 * size, px + 0.6 * size, py + 0.5 * size), fill=_fill(colour))
        draw.ellipse((x - 0.4 * size, y - 3.4 * size, x + 0.4 * size, y - 2.6 * size), fill=_fill(heart))


SCATTERS: dict[str, tuple[Scatter, ...]] = {
    "beach": (_pebbles, _pebbles, _twigs),
    "forest": (_leaves, _leaves, _twigs, _pebbles),
    "heath": (_grass, _flowers, _pebbles, _twigs),
    "meadow": (_grass, _grass, _flowers, _leaves),
    "pavement": (_leaves, _twigs),
    "planks": (_leaves, _twigs),
    "rock": (_pebbles, _grass, _leaves),
    "snow": (_twigs, _pebbles, _leaves),
    "water": (_lilies, _lilies, _floating),
}


def scatter(rng: np.random.Generator, picture: np.ndarray, kind: str, horizon: int, rounds: int) -> None:
    """Strew clutter that suits the ground over a picture, in place.

    Args:
        rng: Source of randomness.
        picture: (H, W, 3) colours, changed.
        kind: The ground, a key of `SCATTERS`.
        horizon: First row of the ground.
        rounds: How many kinds of clutter to strew.
    """
    layer, draw = _layer(picture.shape[:2])
    for _ in range(rounds):
        choices = SCATTERS[kind]
        choices[rng.integers(len(choices))](rng, draw, picture.shape[:2], horizon)
    _blend(picture, layer)


def fringe(rng: np.random.Generator, picture: np.ndarray, kind: str) -> np.ndarray:
    """Draw a few blades in front of everything, along the lower border, in place.

    Args:
        rng: Source of randomness.
        picture: (H, W, 3) colours, changed.
        kind: The ground.

    Returns:
        (H, W) coverage of the blades, which hide what is behind them.
    """
    height, width = picture.shape[:2]
    layer, draw = _layer((height, width))
    hue = rng.uniform(0.19, 0.3) if kind in ("meadow", "heath") else rng.uniform(0.09, 0.16)
    base = hsv(hue, rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.6))
    for tuft in rng.random(int(rng.integers(1, 4))) * width:
        for _ in range(int(rng.integers(3, 9))):
            x, lean = (tuft + rng.normal(0, 5)) * _FACTOR, rng.normal(0, 9) * _FACTOR
            tall, root, low = rng.uniform(12, 34) * _FACTOR, rng.uniform(0.8, 1.6) * _FACTOR, height * _FACTOR
            bend = (x + 0.35 * lean, low - 0.6 * tall)
            outline = [
                (x - root, low),
                (bend[0] - 0.7 * root, bend[1]),
                (x + lean, low - tall),
                (bend[0] + 0.7 * root, bend[1]),
                (x + root, low),
            ]
            draw.polygon(outline, fill=_fill(jitter_colour(rng, base, 0.07)))
    return _blend(picture, layer)


def _layer(shape: Shape) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Make a clear drawing over a picture of (H, W) pixels."""
    layer = Image.new("RGBA", (shape[1] * _FACTOR, shape[0] * _FACTOR), _CLEAR)
    return layer, ImageDraw.Draw(layer)


def _blend(picture: np.ndarray, layer: Image.Image) -> np.ndarray:
    """Lay a reduced drawing over the picture in place, and return its (H, W) coverage.

    Clear pixels are black, so the mean over a block of pixels is the colour already multiplied by the coverage.
    """
    array = np.asarray(layer, np.float32)
    height, width = picture.shape[:2]
    mean = array.reshape(height, _FACTOR, width, _FACTOR, 4).mean((1, 3)) / 255
    picture *= 1 - mean[..., 3:]
    picture += mean[..., :3]
    return mean[..., 3]
