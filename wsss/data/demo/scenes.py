"""One picture of the demo: a setting, clutter, things of no class, objects that hide each other, and the exact mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from wsss.data.demo.backgrounds import draw_setting
from wsss.data.demo.clutter import fringe, scatter
from wsss.data.demo.figures import FIGURES
from wsss.data.demo.materials import Recipe, draw_recipe
from wsss.data.demo.noise import Shape, spectral_noise
from wsss.data.demo.outlines import Figure, ellipse, smooth
from wsss.data.demo.parts import PATTERNS
from wsss.data.demo.render import Light, Sprite, draw_pose, paste, place, render_figure
from wsss.pipeline.artifact import SPLITS

OBJECT_CLASSES = tuple(sorted(FIGURES))

# Largest half length of an object in parts of the picture's side, by the number of objects.
_SIZES = {1: (0.35, 0.48), 2: (0.28, 0.38), 3: (0.24, 0.32), 4: (0.2, 0.27)}
_VISIBLE_OBJECT = 0.55
_VISIBLE_PART = 0.8
_ATTEMPTS = 40


@dataclass(frozen=True)
class SceneObject:
    """One object of a scene: its class, its material, and where it can be seen.

    Attributes:
        name: Class name.
        recipe: Material of its body.
        visible: (H, W) pixels that show the object.
        part: (H, W) pixels that show its distinctive part.
    """

    name: str
    recipe: Recipe
    visible: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A finished picture.

    Attributes:
        image: (H, W, 3) uint8.
        mask: (H, W) uint8, 0 background, otherwise 1 + the place of the class in `OBJECT_CLASSES`.
        items: The objects, from back to front.
        ground: Kind of the ground.
    """

    image: np.ndarray
    mask: np.ndarray
    items: list[SceneObject]
    ground: str


@dataclass
class _Placed:
    """An object while the scene is built: its sprite, its place, and its visible pixels."""

    name: str
    recipe: Recipe
    sprite: Sprite
    corner: tuple[int, int]
    covered: np.ndarray
    part: np.ndarray


def draw_scene(seed: int, split: str, number: int, image_size: int = 160) -> Scene:
    """Draw one picture; the same arguments give the same picture.

    Args:
        seed: Seed of the whole set.
        split: One of `SPLITS`; no two splits share a random stream.
        number: Number of the picture in its split.
        image_size: Typical side length in pixels; the picture keeps about that area at varying aspect ratios.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), number])
    aspect = np.exp(rng.uniform(-0.3, 0.3))
    side = image_size * rng.uniform(0.94, 1.06)
    shape = (round(side / aspect**0.5), round(side * aspect**0.5))
    light = _draw_light(rng)
    setting = draw_setting(rng, shape, light)
    picture = setting.picture
    scatter(rng, picture, setting.kind, setting.horizon, int(rng.integers(1, 4)))
    _paste_things(rng, picture, setting.horizon, light)
    placed: list[_Placed] = []
    while not placed:  # a drawing whose only object finds no place is drawn anew
        placed = _place_objects(rng, picture, setting.horizon, light, number)
    for item in placed:
        paste(picture, item.sprite, *item.corner, light)
    if rng.random() < 0.4:
        blades = fringe(rng, picture, setting.kind) > 0.5
        for item in placed:
            item.covered &= ~blades
            item.part &= ~blades
    mask = np.zeros(shape, np.uint8)
    for item in placed:
        mask[item.covered] = 1 + OBJECT_CLASSES.index(item.name)
    items = [SceneObject(item.name, item.recipe, item.covered, item.part) for item in placed]
    return Scene(_photograph(rng, picture), mask, items, setting.kind)


def _draw_light(rng: np.random.Generator) -> Light:
    """Draw sunny to overcast light from the upper left or right."""
    strength = rng.uniform(0.28, 0.66)
    direction = np.array([rng.choice([-1.0, 1.0]) * rng.uniform(0.2, 0.75), -rng.uniform(0.35, 0.75), 0.9])
    warmth = rng.uniform(0.0, 0.12)
    sun = strength * np.array([1 + warmth, 1.0, 1 - 1.3 * warmth])
    sky = (1.1 - strength) * np.array([1 - 0.4 * warmth, 1.0, 1 + 0.6 * warmth])
    return Light(
        direction / np.linalg.norm(direction),
        sun.astype(np.float32),
        sky.astype(np.float32),
        float(0.25 + 0.6 * strength),
    )


def _thing(rng: np.random.Generator) -> Figure:
    """Draw a stone, a log or a cushion: a body without a part."""
    shape = rng.integers(3)
    if shape == 0:
        angle = np.sort(rng.uniform(0, 2 * np.pi, 8))
        radius = rng.uniform(0.6, 1.0, 8)
        body = smooth(*((float(r * np.cos(a)), float(0.7 * r * np.sin(a))) for r, a in zip(radius, angle, strict=True)))
    elif shape == 1:
        body = ellipse(0, 0, 1.0, rng.uniform(0.2, 0.35), rng.uniform(0.2, 0.5))
    else:
        body = ellipse(0, 0, rng.uniform(0.5, 0.8), rng.uniform(0.5, 0.7), rng.uniform(0.4, 1.0))
    return Figure(body=[body], part=[body], centre=(0, 0), radius=1.0)


def _paste_things(rng: np.random.Generator, picture: np.ndarray, horizon: int, light: Light) -> None:
    """Lay stones, logs and cushions of the bodies' materials on the ground: the material alone is no object."""
    height, width = picture.shape[:2]
    count = int(rng.integers(0, 5))
    for base in np.sort(rng.uniform(horizon + 0.1 * height, height, count)):
        size = rng.uniform(0.04, 0.1) * np.sqrt(height * width)
        sprite = render_figure(rng, _thing(rng), draw_pose(rng, size), draw_recipe(rng), None, light)
        top = int(base - sprite.alpha.shape[0])
        paste(picture, sprite, top, int(rng.uniform(-0.3 * size, width - size)), light)


def _place_objects(
    rng: np.random.Generator, picture: np.ndarray, horizon: int, light: Light, number: int
) -> list[_Placed]:
    """Draw the objects of a scene and find places where enough of each stays visible.

    The first object's class follows the picture's number, so that classes are balanced in every split.
    """
    height, width = picture.shape[:2]
    side = min(np.sqrt(height * width), 1.1 * min(height, width))
    count = int(rng.choice([1, 2, 3, 4], p=[0.28, 0.42, 0.23, 0.07]))
    names = [OBJECT_CLASSES[number % len(OBJECT_CLASSES)]]
    while len(names) < count:
        again = rng.random() < 0.15
        names.append(names[-1] if again else OBJECT_CLASSES[rng.integers(len(OBJECT_CLASSES))])
    rng.shuffle(names)
    placed: list[_Placed] = []
    low = horizon + 0.3 * (height - horizon)
    for name, base in zip(names, np.sort(rng.uniform(low, height * 1.02, count)), strict=True):
        size = rng.uniform(*_SIZES[count]) * side * (0.85 + 0.25 * base / height)
        surroundings = picture[int(0.5 * (low + height)) :].mean((0, 1))
        recipe = draw_recipe(rng, avoid=surroundings)
        figure = FIGURES[name](rng)
        sprite = render_figure(rng, figure, draw_pose(rng, size), recipe, PATTERNS[name], light)
        _find_place(rng, placed, name, recipe, sprite, (height, width), float(base))
    return placed


def _find_place(
    rng: np.random.Generator,
    placed: list[_Placed],
    name: str,
    recipe: Recipe,
    sprite: Sprite,
    shape: Shape,
    base: float,
) -> None:
    """Append the object to `placed` at the first random place that keeps all recognisable, or drop it."""
    whole, whole_part = float((sprite.alpha > 0.5).sum()), float((sprite.part > 0.5).sum())
    tall, wide = sprite.alpha.shape
    for _ in range(_ATTEMPTS):
        top = int(np.clip(base - tall + rng.normal(0, 0.06) * shape[0], -0.1 * tall, shape[0] - 0.85 * tall))
        left = int(rng.uniform(-0.15 * wide, shape[1] - 0.85 * wide))
        covered = place(sprite.alpha, shape, top, left) > 0.5
        part = place(sprite.part, shape, top, left) > 0.5
        if covered.sum() < 0.8 * whole or part.sum() < 0.95 * whole_part:
            continue
        if all(_stays_visible(other, covered) for other in placed):
            for other in placed:
                other.covered &= ~covered
                other.part &= ~covered
            placed.append(_Placed(name, recipe, sprite, (top, left), covered, part))
            return


def _stays_visible(other: _Placed, covered: np.ndarray) -> bool:
    """Return whether enough of an object and of its part shows when `covered` lies in front of it."""
    whole, whole_part = (other.sprite.alpha > 0.5).sum(), (other.sprite.part > 0.5).sum()
    shows, part_shows = (other.covered & ~covered).sum(), (other.part & ~covered).sum()
    return bool(shows >= _VISIBLE_OBJECT * whole and part_shows >= _VISIBLE_PART * whole_part)


def _photograph(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Add dappled light, vignette, tone, blur and noise, as a camera would; return uint8."""
    height, width = picture.shape[:2]
    dapple = spectral_noise(rng, (height, width), wavelength=80, exponent=2.6, finest=4)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    vignette = 1 - rng.uniform(0.05, 0.25) * (0.5 * (x * x + y * y)) ** 1.5
    tint = 1 + rng.normal(0, 0.025, 3).astype(np.float32)
    picture = picture * ((1 + 0.07 * dapple) * vignette * rng.uniform(0.9, 1.12))[..., None] * tint
    picture = gaussian_filter(picture, (0.45, 0.45, 0))
    picture = np.clip(picture, 0, 1) ** rng.uniform(0.85, 1.1)
    picture = picture + rng.normal(0, rng.uniform(0.004, 0.014), picture.shape).astype(np.float32)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
