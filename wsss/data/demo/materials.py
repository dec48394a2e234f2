"""The materials of bodies, of clutter and of some grounds: one pool for all of them.

A material says nothing about the class: every body draws its own recipe from this pool, and so do logs and floors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wsss.data.demo.noise import Colour, Shape, cells, hsv, ramp, rotated_grid, shade, spectral_noise


@dataclass(frozen=True)
class Texture:
    """A rendered piece of material.

    Attributes:
        albedo: (H, W, 3) colours in 0..1, not yet lit.
        relief: (H, W) height of the surface in pixels, about zero.
        gloss: Strength of the highlight, 0 (matt) to 1.
    """

    albedo: np.ndarray
    relief: np.ndarray
    gloss: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """One instance of a material: its kind, its own colour and the seed of everything else."""

    kind: str
    colour: Colour
    seed: int

    def render(self, shape: Shape) -> Texture:
        """Render a piece of (H, W) pixels; the same recipe and shape give the same piece."""
        return MATERIALS[self.kind](np.random.default_rng(self.seed), shape, self.colour)


def draw_recipe(rng: np.random.Generator, avoid: np.ndarray | None = None, distance: float = 0.2) -> Recipe:
    """Draw an instance of a random material.

    Args:
        rng: Source of randomness.
        avoid: (3,) colour of the surroundings; None to accept any colour.
        distance: How far from `avoid` the colour should lie. After a few draws the last one is taken as it is, so that
            some objects stay close to their surroundings.
    """
    kinds = sorted(MATERIALS)
    for _ in range(5):
        kind = kinds[rng.integers(len(kinds))]
        colour = _draw_colour(rng, kind)
        if avoid is None or np.linalg.norm(np.asarray(colour) * 0.9 - avoid) > distance:
            break
    return Recipe(kind, colour, int(rng.integers(2**62)))


def _draw_colour(rng: np.random.Generator, kind: str) -> Colour:
    """Draw a colour from the material's ranges of hue, saturation and value; dyed materials have any hue."""
    if kind in ("wool", "knitted", "leather", "woven", "painted"):
        return hsv(rng.random(), rng.uniform(0.12, 0.6), rng.uniform(0.3, 0.9))
    low, high, saturation, value = {
        "wood": (0.04, 0.11, (0.25, 0.62), (0.35, 0.85)),
        "stone": (0.02, 0.68, (0.02, 0.16), (0.35, 0.8)),
        "metal": (0.04, 0.62, (0.03, 0.45), (0.5, 0.85)),
        "leaf": (0.08, 0.38, (0.4, 0.75), (0.35, 0.7)),
        "sand": (0.06, 0.13, (0.2, 0.5), (0.55, 0.9)),
        "moss": (0.17, 0.34, (0.35, 0.65), (0.25, 0.55)),
        "clay": (0.0, 0.07, (0.35, 0.7), (0.45, 0.85)),
        "fur": (0.03, 0.11, (0.08, 0.55), (0.25, 0.9)),
    }[kind]
    return hsv(rng.uniform(low, high), rng.uniform(*saturation), rng.uniform(*value))


def _wood(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    angle = rng.uniform(-0.5, 0.5) + (np.pi / 2) * rng.integers(2)
    _, across = rotated_grid(shape, angle)
    waves = spectral_noise(rng, shape, wavelength=60, exponent=2.4, stretch=4, angle=angle)
    rings = 0.5 + 0.5 * np.sin(across * (2 * np.pi / rng.uniform(7, 13)) + 2.2 * waves)
    streaks = spectral_noise(rng, shape, wavelength=5, exponent=1.2, stretch=14, angle=angle)
    value = 0.5 + 0.3 * (rings - 0.5) + 0.13 * streaks
    return Texture(ramp(value, [shade(colour, 0.55), colour, shade(colour, 1.3)]), 0.25 * streaks, 0.15)


def _stone(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    coarse = spectral_noise(rng, shape, wavelength=45, exponent=1.7)
    speckle = spectral_noise(rng, shape, wavelength=2.5, exponent=0.8)
    crack = np.exp(-((spectral_noise(rng, shape, wavelength=50, exponent=2.2) / 0.05) ** 2))
    value = 0.5 + 0.13 * coarse + 0.09 * speckle - 0.3 * crack
    return Texture(ramp(value, [shade(colour, 0.5), colour, shade(colour, 1.45)]), 0.5 * coarse - crack)


def _wool(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    curls = spectral_noise(rng, shape, wavelength=6, exponent=2.0, finest=2.5)
    tone = spectral_noise(rng, shape, wavelength=40, exponent=2.0)
    value = 0.5 + 0.16 * curls + 0.06 * tone
    return Texture(ramp(value, [shade(colour, 0.5), colour, shade(colour, 1.35)]), 0.9 * curls)


def _leather(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    wrinkles = -np.abs(spectral_noise(rng, shape, wavelength=7, exponent=1.8, finest=1.5))
    tone = spectral_noise(rng, shape, wavelength=35, exponent=2.2)
    value = 0.55 + 0.12 * (wrinkles + 0.8) + 0.08 * tone
    return Texture(ramp(value, [shade(colour, 0.5), colour, shade(colour, 1.3)]), 0.8 * wrinkles, 0.35)


def _metal(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    angle = rng.uniform(0, np.pi)
    brushed = spectral_noise(rng, shape, wavelength=4, exponent=1.0, stretch=25, angle=angle)
    sheen = spectral_noise(rng, shape, wavelength=50, exponent=2.5, stretch=3, angle=angle)
    albedo = ramp(0.5 + 0.08 * brushed + 0.16 * sheen, [shade(colour, 0.45), colour, shade(colour, 1.4)])
    rust = np.clip(spectral_noise(rng, shape, wavelength=30, exponent=1.8) - rng.uniform(1.2, 2.6), 0, 1)[..., None]
    return Texture(albedo * (1 - rust) + rust * np.array([0.42, 0.22, 0.1], np.float32), 0.15 * brushed, 0.7)


def _leaf(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    along, across = rotated_grid(shape, rng.uniform(0, np.pi))
    wobble = spectral_noise(rng, shape, wavelength=30, exponent=2.2)
    phase = (along + 0.8 * np.abs(across) + 2 * wobble) / rng.uniform(7, 12)
    veins = np.exp(-(((phase - np.floor(phase)) - 0.5) ** 2) / 0.006) + np.exp(-((across / 1.2) ** 2))
    value = 0.45 + 0.12 * wobble + 0.28 * veins + 0.05 * spectral_noise(rng, shape, wavelength=4)
    return Texture(ramp(value, [shade(colour, 0.55), colour, shade(colour, 1.5)]), -0.6 * veins, 0.2)


def _sand(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    grains = spectral_noise(rng, shape, wavelength=2, exponent=0.5)
    dunes = spectral_noise(rng, shape, wavelength=25, exponent=2.4, stretch=3, angle=rng.uniform(-0.4, 0.4), finest=5)
    value = 0.5 + 0.1 * grains + 0.07 * dunes
    return Texture(ramp(value, [shade(colour, 0.6), colour, shade(colour, 1.25)]), 0.25 * grains + 0.8 * dunes)


def _moss(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    clumps = spectral_noise(rng, shape, wavelength=14, exponent=1.5)
    tone = spectral_noise(rng, shape, wavelength=60, exponent=2.2)
    value = 0.48 + 0.17 * clumps + 0.1 * tone
    return Texture(ramp(value, [shade(colour, 0.4), colour, shade(colour, 1.6)]), 0.9 * clumps)


def _clay(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    tone = spectral_noise(rng, shape, wavelength=50, exponent=2.4)
    rings = spectral_noise(rng, shape, wavelength=6, exponent=1.5, stretch=30)
    pits = np.clip(spectral_noise(rng, shape, wavelength=2.5, exponent=1.0) - 1.9, 0, 1)
    value = 0.5 + 0.09 * tone + 0.06 * rings - 0.5 * pits
    return Texture(ramp(value, [shade(colour, 0.6), colour, shade(colour, 1.3)]), 0.3 * rings, 0.25)


def _fur(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    angle = rng.uniform(0, np.pi)
    hairs = spectral_noise(rng, shape, wavelength=4, exponent=1.2, stretch=5, angle=angle)
    tufts = spectral_noise(rng, shape, wavelength=18, exponent=1.8, stretch=2.5, angle=angle)
    value = 0.5 + 0.13 * hairs + 0.1 * tufts
    return Texture(ramp(value, [shade(colour, 0.5), colour, shade(colour, 1.4)]), 0.4 * hairs + 0.5 * tufts)


def _knitted(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    along, across = rotated_grid(shape, rng.uniform(-0.4, 0.4))
    along = along + 1.2 * spectral_noise(rng, shape, wavelength=40, exponent=2.4)
    width = rng.uniform(6.0, 8.5)
    column = along / width - np.floor(along / width) - 0.5
    stitch = np.cos((across + 1.5 * width * np.abs(column)) * (2 * np.pi / (0.75 * width)))
    relief = 0.7 * stitch * np.cos(np.pi * column) - 0.5 * (np.abs(column) > 0.42)
    value = 0.5 + 0.22 * relief + 0.05 * spectral_noise(rng, shape, wavelength=3)
    return Texture(ramp(value, [shade(colour, 0.5), colour, shade(colour, 1.35)]), relief)


def _woven(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    along, across = rotated_grid(shape, rng.uniform(-0.8, 0.8))
    wobble = 0.7 * spectral_noise(rng, shape, wavelength=35, exponent=2.4)
    step = 2 * np.pi / rng.uniform(5.0, 8.0)
    warp, weft = np.sin((along + wobble) * step), np.sin((across + wobble) * step)
    relief = np.maximum(warp * (weft > 0), -warp * (weft <= 0)) + 0.5 * np.abs(weft)
    value = 0.3 + 0.3 * relief + 0.07 * spectral_noise(rng, shape, wavelength=3, exponent=1.0)
    return Texture(ramp(value, [shade(colour, 0.45), colour, shade(colour, 1.3)]), 0.7 * relief)


def _painted(rng: np.random.Generator, shape: Shape, colour: Colour) -> Texture:
    tone = spectral_noise(rng, shape, wavelength=60, exponent=2.4)
    scratches = np.clip(spectral_noise(rng, shape, wavelength=5, stretch=12, angle=rng.uniform(0, np.pi)) - 1.8, 0, 1)
    value = 0.5 + 0.06 * tone + 0.4 * scratches + 0.03 * spectral_noise(rng, shape, wavelength=2)
    return Texture(ramp(value, [shade(colour, 0.6), colour, shade(colour, 1.3)]), -0.5 * scratches, 0.5)


def cobbles(rng: np.random.Generator, shape: Shape, colour: Colour, spacing: float = 14.0) -> Texture:
    """Render rounded stones with dark joints: a ground, not in the pool of bodies."""
    index, border = cells(rng, shape, spacing, jitter=0.55)
    tones = rng.normal(0, 0.13, index.max() + 1).astype(np.float32)[index]
    joint = np.exp(-((border / 1.1) ** 2))
    rough = spectral_noise(rng, shape, wavelength=5, exponent=1.2)
    value = 0.5 + tones + 0.07 * rough - 0.45 * joint
    relief = 2.2 * np.sqrt(np.clip(border / (0.3 * spacing), 0, 1)) + 0.3 * rough
    return Texture(ramp(value, [shade(colour, 0.35), colour, shade(colour, 1.5)]), relief)


MATERIALS: dict[str, Callable[[np.random.Generator, Shape, Colour], Texture]] = {
    "clay": _clay,
    "fur": _fur,
    "knitted": _knitted,
    "leaf": _leaf,
    "leather": _leather,
    "metal": _metal,
    "moss": _moss,
    "painted": _painted,
    "sand": _sand,
    "stone": _stone,
    "wood": _wood,
    "wool": _wool,
    "woven": _woven,
}
