"""The patterns of the distinctive parts: colours and ornament that belong to one class each.

A pattern sees its own frame: `u` to the front and `v` downwards, both about -1..1 over the part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wsss.data.demo.noise import Colour, jitter_colour

Pattern = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]

_WHITE: Colour = (0.94, 0.92, 0.86)
_BLACK: Colour = (0.07, 0.06, 0.07)


def _step(values: np.ndarray, sharpness: float = 4.0) -> np.ndarray:
    """Step softly at zero, so that edges inside a pattern do not alias."""
    return 0.5 + 0.5 * np.tanh(sharpness * values)


def _mix(weight: np.ndarray, first: np.ndarray | Colour, second: np.ndarray | Colour) -> np.ndarray:
    """Mix colours, (H, W, 3): `second` where weight is 1, `first` where it is 0."""
    weight = weight[..., None]
    return np.asarray(first, np.float32) * (1 - weight) + np.asarray(second, np.float32) * weight


def _disc(u: np.ndarray, v: np.ndarray, x: float, y: float, radius: float) -> np.ndarray:
    """Return the soft mask of a disc."""
    return _step(radius - np.hypot(u - x, v - y), 9.0)


def _eye(colours: np.ndarray, u: np.ndarray, v: np.ndarray, x: float, y: float, radius: float) -> np.ndarray:
    """Draw a white eye with a dark pupil on the colours."""
    colours = _mix(_disc(u, v, x, y, radius), colours, _WHITE)
    return _mix(_disc(u, v, x + 0.2 * radius, y, 0.55 * radius), colours, _BLACK)


def _checks(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    red = jitter_colour(rng, (0.8, 0.1, 0.1), 0.05)
    squares = _step(np.sin(np.pi * 1.7 * u) * np.sin(np.pi * 1.7 * v), 6)
    return _mix(squares, _BLACK, red)


def _bands(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    yellow = jitter_colour(rng, (0.96, 0.78, 0.08), 0.04)
    colours = _mix(_step(np.sin(np.pi * 2.1 * v + 0.6)), yellow, _BLACK)
    colours = _mix(_step(u - 0.9, 8), colours, (0.9, 0.3, 0.1))
    return _eye(colours, u, v, 0.35, -0.25, 0.3)


def _clown(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    orange = jitter_colour(rng, (0.95, 0.42, 0.05), 0.04)
    wave = np.sin(np.pi * 2.0 * u + 0.5 * v * v - 0.2)
    colours = _mix(_step(wave), orange, _WHITE)
    return _eye(colours, u, v, 0.3, -0.35, 0.26)


def _zigzag(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    turquoise = jitter_colour(rng, (0.05, 0.6, 0.66), 0.05)
    teeth = np.abs((2.2 * u) % 1.0 - 0.5)
    colours = _mix(_step(np.sin(np.pi * (3.0 * v + 2.4 * teeth))), turquoise, _WHITE)
    return _mix(_step(-0.5 - v, 9), colours, (0.85, 0.2, 0.3))


def _ring_eyes(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    amber = jitter_colour(rng, (0.95, 0.6, 0.1), 0.04)
    radius = np.hypot(np.abs(u) - 0.47, v)
    colours = _mix(_step(0.5 - radius, 9), (0.36, 0.2, 0.14), _WHITE)
    colours = _mix(_step(0.34 - radius, 9), colours, amber)
    colours = _mix(_step(0.18 - radius, 9), colours, _BLACK)
    beak = _step(0.16 - np.abs(u) - 0.5 * np.abs(v - 0.2), 9)
    return _mix(beak, colours, (0.95, 0.75, 0.2))


def _dots(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    violet = jitter_colour(rng, (0.5, 0.16, 0.66), 0.05)
    row = np.round(v / 0.42)
    x = u / 0.5 + 0.5 * (row % 2)
    distance = np.hypot((x - np.round(x)) * 0.5, v - row * 0.42)
    return _mix(_step(0.15 - distance, 10), violet, (0.98, 0.85, 0.95))


def _net(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    lime = jitter_colour(rng, (0.66, 0.88, 0.16), 0.05)
    mesh = np.minimum(np.abs(np.sin(np.pi * 1.3 * (u + v))), np.abs(np.sin(np.pi * 1.3 * (u - v))))
    return _mix(_step(mesh - 0.36, 5), (0.04, 0.24, 0.14), lime)


def _spokes(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    blue = jitter_colour(rng, (0.1, 0.24, 0.75), 0.05)
    radius, angle = np.hypot(u, v), np.arctan2(v, u) + rng.uniform(0, np.pi)
    colours = _mix(_step(np.sin(5 * angle) * np.minimum(radius * 3, 1)), blue, _WHITE)
    colours = _mix(_step(radius - 0.78, 9), colours, (0.12, 0.12, 0.2))
    return _mix(_step(0.24 - radius, 9), colours, (0.9, 0.75, 0.2))


PATTERNS: dict[str, Pattern] = {
    "beetle": _checks,
    "bird": _bands,
    "fish": _clown,
    "kettle": _zigzag,
    "owl": _ring_eyes,
    "snail": _dots,
    "turtle": _net,
    "wagon": _spokes,
}
