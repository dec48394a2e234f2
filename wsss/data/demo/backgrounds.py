"""Natural-looking settings: a ground seen at a slant, and sometimes something standing behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from wsss.data.demo.materials import MATERIALS, Texture, cobbles
from wsss.data.demo.noise import Colour, Shape, hsv, ramp, rotated_grid, shade, spectral_noise
from wsss.data.demo.render import Light, lit


@dataclass(frozen=True)
class Surroundings:
    """A background before clutter and objects.

    Attributes:
        kind: Name of the ground, a key of `GROUNDS`.
        picture: (H, W, 3) colours.
        horizon: First row of the ground; 0 where it fills the picture.
    """

    kind: str
    picture: np.ndarray
    horizon: int


def _meadow(rng: np.random.Generator, shape: Shape) -> Texture:
    green = hsv(rng.uniform(0.2, 0.31), rng.uniform(0.4, 0.65), rng.uniform(0.35, 0.58))
    patches = spectral_noise(rng, shape, wavelength=50, exponent=1.9)
    blades = spectral_noise(rng, shape, wavelength=6, exponent=1.2, stretch=4, angle=np.pi / 2)
    dry = hsv(rng.uniform(0.12, 0.17), 0.5, rng.uniform(0.5, 0.68))
    value = 0.45 + 0.15 * patches + 0.14 * blades
    return Texture(ramp(value, [shade(green, 0.4), green, shade(dry, 1.05)]), 0.5 * blades)


def _beach(rng: np.random.Generator, shape: Shape) -> Texture:
    sand = hsv(rng.uniform(0.07, 0.12), rng.uniform(0.2, 0.42), rng.uniform(0.68, 0.9))
    return MATERIALS["sand"](rng, shape, sand)


def _forest(rng: np.random.Generator, shape: Shape) -> Texture:
    earth = hsv(rng.uniform(0.05, 0.1), rng.uniform(0.35, 0.55), rng.uniform(0.28, 0.42))
    litter = spectral_noise(rng, shape, wavelength=16, exponent=1.3)
    needles = spectral_noise(rng, shape, wavelength=4, exponent=1.0, stretch=3, angle=rng.uniform(0, np.pi))
    value = 0.5 + 0.16 * litter + 0.12 * needles
    return Texture(ramp(value, [shade(earth, 0.45), earth, shade(earth, 1.6)]), 0.7 * litter)


def _snow(rng: np.random.Generator, shape: Shape) -> Texture:
    drifts = spectral_noise(rng, shape, wavelength=70, exponent=2.6, stretch=2, angle=rng.uniform(-0.3, 0.3), finest=6)
    grains = spectral_noise(rng, shape, wavelength=2, exponent=0.6)
    value = 0.6 + 0.14 * drifts + 0.035 * grains
    tint = rng.uniform(0.0, 0.05)
    return Texture(
        ramp(value, [(0.5, 0.58, 0.72), (0.7 + tint, 0.75, 0.81), (0.86, 0.87, 0.88)]), 2.0 * drifts + 0.2 * grains
    )


def _water(rng: np.random.Generator, shape: Shape) -> Texture:
    deep = hsv(rng.uniform(0.46, 0.62), rng.uniform(0.4, 0.65), rng.uniform(0.35, 0.55))
    ripples = spectral_noise(rng, shape, wavelength=11, exponent=2.2, stretch=3.0, finest=2)
    swell = spectral_noise(rng, shape, wavelength=40, exponent=2.4, stretch=2.5)
    glint = np.clip(ripples + 0.4 * swell - 1.5, 0, 1)
    value = 0.42 + 0.15 * ripples + 0.08 * swell + 0.5 * glint
    return Texture(ramp(value, [shade(deep, 0.5), deep, (0.85, 0.93, 0.96)]), 0.8 * ripples, 0.4)


def _pavement(rng: np.random.Generator, shape: Shape) -> Texture:
    stone = hsv(rng.uniform(0.02, 0.65), rng.uniform(0.03, 0.16), rng.uniform(0.42, 0.66))
    return cobbles(rng, shape, stone, rng.uniform(11, 19))


def _planks(rng: np.random.Generator, shape: Shape) -> Texture:
    colour = hsv(rng.uniform(0.04, 0.1), rng.uniform(0.2, 0.55), rng.uniform(0.4, 0.75))
    angle = rng.choice([0.0, 0.5 * np.pi]) + rng.uniform(-0.1, 0.1)
    _, across = rotated_grid(shape, angle)
    width = rng.uniform(20, 34)
    index = np.floor(across / width).astype(int)
    gap = np.abs(across / width - index - 0.5) > 0.465
    tone = rng.normal(0, 0.09, 64).astype(np.float32)[index % 64]
    grain = spectral_noise(rng, shape, wavelength=5, exponent=1.3, stretch=16, angle=angle)
    value = 0.5 + tone + 0.11 * grain - 0.5 * gap
    return Texture(ramp(value, [shade(colour, 0.4), colour, shade(colour, 1.4)]), 0.2 * grain - 0.8 * gap, 0.15)


def _rock(rng: np.random.Generator, shape: Shape) -> Texture:
    return MATERIALS["stone"](rng, shape, hsv(rng.uniform(0.02, 0.6), rng.uniform(0.03, 0.2), rng.uniform(0.35, 0.65)))


def _heath(rng: np.random.Generator, shape: Shape) -> Texture:
    return MATERIALS["moss"](rng, shape, hsv(rng.uniform(0.1, 0.3), rng.uniform(0.3, 0.55), rng.uniform(0.35, 0.6)))


GROUNDS: dict[str, Callable[[np.random.Generator, Shape], Texture]] = {
    "beach": _beach,
    "forest": _forest,
    "heath": _heath,
    "meadow": _meadow,
    "pavement": _pavement,
    "planks": _planks,
    "rock": _rock,
    "snow": _snow,
    "water": _water,
}


def _sky(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    top = hsv(rng.uniform(0.54, 0.62), rng.uniform(0.25, 0.65), rng.uniform(0.6, 0.9))
    low = hsv(rng.uniform(0.0, 0.15), rng.uniform(0.03, 0.25), rng.uniform(0.85, 0.97))
    fall = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None] ** 0.8 * np.ones(shape, np.float32)
    cloud = spectral_noise(rng, shape, wavelength=70, exponent=2.0, stretch=2.5)
    cover = np.clip(0.5 * (cloud - rng.uniform(-0.3, 1.2)), 0, 0.85)[..., None]
    return ramp(fall, [top, low]) * (1 - cover) + np.array([0.95, 0.95, 0.96], np.float32) * cover


def _hills(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw sky over one to three ridges that fade with distance, the nearest one wooded."""
    picture = _sky(rng, shape)
    haze = picture[-1].mean(0)
    near = np.asarray(hsv(rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.4)), np.float32)
    rows = np.arange(shape[0])[:, None]
    ridges = int(rng.integers(1, 4))
    for ridge in range(ridges):
        closeness = (ridge + 1) / ridges
        line = spectral_noise(rng, (8, shape[1]), wavelength=70 / closeness, exponent=1.6)[0]
        crest = shape[0] * (0.35 + 0.45 * closeness) + line * 0.07 * shape[0]
        cover = np.clip(rows - crest[None, :], 0, 1)[..., None]
        rough = 1 + 0.12 * closeness * spectral_noise(rng, shape, wavelength=8, exponent=1.4)[..., None]
        colour = (haze * (1 - 0.85 * closeness) + near * 0.85 * closeness) * rough
        picture = picture * (1 - cover) + colour * cover
    return picture


def _bricks(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    colour = hsv(rng.uniform(0.0, 0.08), rng.uniform(0.25, 0.6), rng.uniform(0.4, 0.7))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    tall = rng.uniform(7, 11)
    row = np.floor(y / tall).astype(int)
    along = x / (2.4 * tall) + 0.5 * (row % 2)
    column = np.floor(along).astype(int)
    joint = (np.abs(along - column - 0.5) > 0.46) | (np.abs(y / tall - row - 0.5) > 0.41)
    tone = rng.normal(0, 0.12, (64, 64)).astype(np.float32)[row % 64, column % 64]
    rough = spectral_noise(rng, shape, wavelength=6, exponent=1.2)
    albedo = ramp(0.5 + tone + 0.07 * rough, [shade(colour, 0.4), colour, shade(colour, 1.5)])
    mortar = np.array([0.68, 0.65, 0.6], np.float32) * (1 + 0.06 * rough[..., None])
    return np.where(joint[..., None], mortar * rng.uniform(0.7, 1.05), albedo)


def _hedge(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    green = hsv(rng.uniform(0.2, 0.38), rng.uniform(0.35, 0.6), rng.uniform(0.22, 0.42))
    leaves = spectral_noise(rng, shape, wavelength=9, exponent=1.2)
    depth = spectral_noise(rng, shape, wavelength=30, exponent=2.0)
    return ramp(0.4 + 0.17 * leaves + 0.14 * depth, [shade(green, 0.25), green, shade(green, 1.9)])


def _sea(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw sky over a band of sea, with surf where it meets the ground."""
    picture = _sky(rng, shape)
    line = int(shape[0] * rng.uniform(0.4, 0.65))
    blue: Colour = hsv(rng.uniform(0.48, 0.6), rng.uniform(0.4, 0.65), rng.uniform(0.45, 0.65))
    size = (shape[0] - line, shape[1])
    waves = spectral_noise(rng, size, wavelength=8, exponent=1.6, stretch=8)
    water = ramp(0.45 + 0.13 * waves, [shade(blue, 0.6), blue, (0.9, 0.95, 0.97)])
    nearness = np.linspace(0, 1, size[0], dtype=np.float32)[:, None]
    foam = np.clip(nearness * 3 - 2.2 + 0.35 * waves, 0, 0.9)[..., None]
    picture[line:] = water * (1 - foam) + 0.95 * foam
    return picture


BACKDROPS: dict[str, tuple[Callable[[np.random.Generator, Shape], np.ndarray], ...]] = {
    "beach": (_sea, _sea, _hills),
    "forest": (_hedge, _hills),
    "heath": (_hills, _hedge),
    "meadow": (_hills, _hills, _hedge, _bricks),
    "pavement": (_bricks, _bricks, _hedge),
    "planks": (_bricks,),
    "rock": (_hills, _sea),
    "snow": (_hills,),
    "water": (_hills, _hedge),
}


_LEVEL = ("beach", "pavement", "planks", "water")  # grounds with a straight far edge


def draw_setting(rng: np.random.Generator, shape: Shape, light: Light) -> Surroundings:
    """Draw a background of (H, W) pixels in the light of the picture."""
    kinds = sorted(GROUNDS)
    kind = kinds[rng.integers(len(kinds))]
    height, width = shape
    horizon = int(height * rng.uniform(0.16, 0.42)) if rng.random() < 0.6 else 0
    tilt = rng.uniform(0.5, 0.65) if horizon else rng.uniform(0.75, 0.95)
    texture = GROUNDS[kind](rng, (height, int(width / tilt) + 2))
    flat = lit(texture.albedo, texture.relief, light, 0.4 * texture.gloss)
    ground = _slant(flat, (height - horizon, width), tilt)
    if not horizon:
        return Surroundings(kind, ground, 0)
    choices = BACKDROPS[kind]
    backdrop = choices[rng.integers(len(choices))](rng, (horizon + 6, width)).astype(np.float32)
    backdrop = gaussian_filter(backdrop * rng.uniform(0.85, 1.05), (1.0, 1.0, 0))
    rough = 0.3 if kind in _LEVEL else 1.2
    edge = horizon + rough * spectral_noise(rng, (8, width), wavelength=25, exponent=1.5)[0]
    cover = np.clip(np.arange(height)[:, None] - edge[None, :], 0, 1)[..., None].astype(np.float32)
    picture = np.zeros((height, width, 3), np.float32)
    picture[: horizon + 6] = backdrop
    lower = np.concatenate([np.repeat(ground[:1], horizon, 0), ground])
    return Surroundings(kind, picture * (1 - cover) + lower * cover, horizon)


def _slant(flat: np.ndarray, shape: Shape, tilt: float) -> np.ndarray:
    """Show a flat texture at a slant: the farther up, the smaller and the softer.

    Args:
        flat: (H, W / tilt, 3) texture as seen from above.
        shape: Size of the view, W columns.
        tilt: Scale at the far edge, 1 for a view from above.
    """
    near = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    distance = 1 / (tilt + (1 - tilt) * near)
    columns = (np.arange(shape[1], dtype=np.float32)[None, :] - 0.5 * shape[1]) * distance + 0.5 * flat.shape[1]
    rows = np.broadcast_to((distance - 1) / (1 / tilt - 1) * (flat.shape[0] - 1), columns.shape)
    view = [map_coordinates(flat[..., c], [rows, columns], order=1, mode="nearest") for c in range(3)]
    return np.stack(view, -1)
