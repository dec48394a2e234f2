"""The closed outlines that make up a figure, in a unit frame: x to the front, y downwards, about 2 long."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Outline = np.ndarray


@dataclass
class Figure:
    """Outlines of one object, each a (K, 2) array of x, y.

    Attributes:
        body: Large plain pieces, drawn in the material.
        limbs: Pieces of the same material behind the body.
        part: The distinctive piece.
        centre: (2,) centre of the part's pattern.
        radius: Half size of the part's pattern.
        creases: Lines engraved in the body.
        clip_part: Whether the part ends where the body ends (a face) or sticks out (a head).
    """

    body: list[Outline]
    part: list[Outline]
    centre: tuple[float, float]
    radius: float
    limbs: list[Outline] = field(default_factory=list)
    creases: list[Outline] = field(default_factory=list)
    clip_part: bool = False


def ellipse(
    x: float, y: float, rx: float, ry: float, power: float = 1.0, start: float = 0.0, stop: float = 2.0
) -> Outline:
    """Return the outline of an ellipse, or of the sector between the angles start * pi and stop * pi.

    Args:
        x: Centre.
        y: Centre.
        rx: Half width.
        ry: Half height.
        power: 1 for an ellipse; below 1 the shape grows towards a rectangle.
        start: First angle in half turns, clockwise from the front.
        stop: Last angle.
    """
    angle = np.linspace(start * np.pi, stop * np.pi, 48)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack(
        [x + rx * np.sign(cos) * np.abs(cos) ** power, y + ry * np.sign(sin) * np.abs(sin) ** power], axis=1
    )


def smooth(*points: tuple[float, float]) -> Outline:
    """Lay a closed Catmull-Rom curve through the points."""
    p1 = np.asarray(points, float)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (p[:, None] for p in (p0, p1, p2, p3))
    curve = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    return (0.5 * curve).reshape(-1, 2)


def stroke(points: list[tuple[float, float]], first: float, last: float) -> Outline:
    """Return the outline of a thick line through the points; its width runs from `first` to `last`."""
    line = np.asarray(points, float)
    normal = np.gradient(line, axis=0) @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    half = 0.5 * np.linspace(first, last, len(line))[:, None]
    return np.concatenate([line + normal * half, (line - normal * half)[::-1]])
