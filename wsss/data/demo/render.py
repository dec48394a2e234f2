"""Turns a figure, a material and a pattern into a lit sprite, and lays sprites over a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import affine_transform, distance_transform_edt, gaussian_filter

from wsss.data.demo.materials import Recipe, Texture
from wsss.data.demo.noise import Shape
from wsss.data.demo.outlines import Figure, Outline
from wsss.data.demo.parts import Pattern

_SUPERSAMPLING = 4
_FLATNESS = 0.4  # height of a cast shadow in parts of the object's
_MARGIN = 3  # pixels around a sprite, so that its soft edge is never cut


@dataclass(frozen=True)
class Light:
    """Direction and colours of the light in one picture.

    Attributes:
        direction: (3,) unit vector towards the light: x right, y down, z to the viewer.
        sun: (3,) colour of the direct light.
        sky: (3,) colour of the light from all around.
        shadow: Darkness of cast shadows, 0..1.
    """

    direction: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    shadow: float


@dataclass(frozen=True)
class Sprite:
    """A lit object, not yet placed.

    Attributes:
        colours: (h, w, 3) in 0..1.
        alpha: (h, w) coverage in 0..1.
        part: (h, w) coverage of the distinctive part.
    """

    colours: np.ndarray
    alpha: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Pose:
    """How a figure is put into pixels: `matrix` (2, 2) from the unit frame to pixels, and a bend of its axis."""

    matrix: np.ndarray
    bend: float = 0.0

    def apply(self, outline: Outline) -> Outline:
        """Move (K, 2) points of the unit frame to pixels about the origin."""
        bent = np.array(outline, float)
        bent[:, 1] += self.bend * (bent[:, 0] ** 2 - 0.3)
        return bent @ self.matrix.T


def draw_pose(rng: np.random.Generator, size: float, tilt: float = 0.35) -> Pose:
    """Draw a pose: mirrored or not, turned by up to `tilt` radians, and a little stretched, sheared and bent.

    Args:
        rng: Source of randomness.
        size: Half length of the object, in pixels.
        tilt: Largest rotation in radians.
    """
    angle = rng.uniform(-tilt, tilt)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = rng.uniform(0.86, 1.16)
    shear = np.array([[stretch, rng.uniform(-0.15, 0.15)], [0.0, 1.0 / stretch]])
    mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    return Pose(size * rotation @ mirror @ shear, rng.uniform(-0.12, 0.12))


def coverage(outlines: list[Outline], shape: Shape, lines: float = 0.0) -> np.ndarray:
    """Compute the anti-aliased coverage of filled outlines, or of lines of the given width.

    Args:
        outlines: (K, 2) arrays of x, y in pixels.
        shape: (H, W) of the result.
        lines: Width of lines in pixels; 0 fills the outlines.

    Returns:
        (H, W) coverage in 0..1.
    """
    factor = _SUPERSAMPLING
    image = Image.new("L", (shape[1] * factor, shape[0] * factor))
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        points = [(float(x), float(y)) for x, y in outline * factor]
        if lines:
            draw.line(points, fill=255, width=max(1, round(lines * factor)))
        else:
            draw.polygon(points, fill=255)
    return np.asarray(image.reduce(factor), np.float32) / 255


def dome(alpha: np.ndarray, roundness: float = 0.75) -> np.ndarray:
    """Return the height in pixels, (H, W), of a cushion over the covered area."""
    depth = distance_transform_edt(alpha > 0.5).astype(np.float32)
    radius = max(roundness * float(depth.max()), 1.0)
    rise = np.clip(depth / radius, 0, 1)
    return gaussian_filter(0.8 * radius * np.sqrt(np.clip(1 - (1 - rise) ** 2, 0, 1)), 1.2)


def lit(albedo: np.ndarray, height: np.ndarray, light: Light, gloss: float = 0.0) -> np.ndarray:
    """Light a height field.

    Args:
        albedo: (H, W, 3) colours.
        height: (H, W) in pixels.
        light: The light.
        gloss: Strength of the highlight.

    Returns:
        (H, W, 3) colours, not clipped.
    """
    slope_y, slope_x = np.gradient(height)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    facing = normal @ light.direction.astype(np.float32)
    direct = np.clip(facing, 0, None)[..., None] / light.direction[2]
    result = albedo * (light.sky + light.sun * np.minimum(direct, 1.35))
    if gloss:
        mirrored = 2 * facing * normal[..., 2] - light.direction[2]
        result = result + gloss * 0.7 * light.sun * (np.clip(mirrored, 0, None) ** 14)[..., None]
    return result.astype(np.float32)


def render_figure(
    rng: np.random.Generator,
    figure: Figure,
    pose: Pose,
    recipe: Recipe,
    pattern: Pattern | None,
    light: Light,
) -> Sprite:
    """Render an object; without a pattern its part is plain body too (a thing of no class)."""
    groups = {name: [pose.apply(o) for o in getattr(figure, name)] for name in ("limbs", "body", "part", "creases")}
    points = np.concatenate(groups["limbs"] + groups["body"] + groups["part"])
    origin = np.floor(points.min(0)) - _MARGIN
    width, height = (int(side) for side in np.ceil(points.max(0)) + _MARGIN - origin)
    shape = (height, width)
    alphas = {name: coverage([o - origin for o in groups[name]], shape) for name in ("limbs", "body", "part")}
    part = alphas["part"] * alphas["body"] if figure.clip_part else alphas["part"]
    texture = recipe.render(shape)
    size = float(np.sqrt(abs(np.linalg.det(pose.matrix))))
    crease = coverage([o - origin for o in groups["creases"]], shape, lines=max(1.0, 0.05 * size))
    colours = _lit_material(texture, alphas, crease, light)
    if pattern is None:
        part = np.zeros_like(part)
    else:
        u, v = _part_frame(figure, pose, origin, shape)
        swelling = dome(part, 0.9) if not figure.clip_part else dome(alphas["body"]) + 0.5 * dome(part, 0.5)
        face = lit(pattern(rng, u, v), swelling, light, gloss=0.3)
        rim = gaussian_filter(part, 1.2)[..., None] * (1 - part[..., None])
        colours = colours * (1 - 0.5 * rim)
        colours = colours * (1 - part[..., None]) + face * part[..., None]
    alpha = np.maximum.reduce([alphas["limbs"], alphas["body"], part])
    return Sprite(np.clip(colours, 0, 1), alpha, part)


def _lit_material(texture: Texture, alphas: dict[str, np.ndarray], crease: np.ndarray, light: Light) -> np.ndarray:
    """Light the body over its limbs in one material; limbs are darker and lie in the body's shade."""
    body = alphas["body"]
    relief = 0.45 * texture.relief
    front = lit(texture.albedo, dome(body) + relief - 0.8 * crease, light, texture.gloss)
    front *= 1 - 0.35 * crease[..., None]
    if not alphas["limbs"].any():
        return front
    back = lit(texture.albedo, dome(alphas["limbs"]) + relief, light, texture.gloss)
    back *= 0.85 - 0.3 * gaussian_filter(body, 1.5)[..., None]
    return back * (1 - body[..., None]) + front * body[..., None]


def _part_frame(figure: Figure, pose: Pose, origin: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates u, v of every pixel in the frame of the part's pattern; each (H, W)."""
    centre = pose.apply(np.array([figure.centre]))[0] - origin
    inverse = np.linalg.inv(pose.matrix * figure.radius)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    dx, dy = x + 0.5 - centre[0], y + 0.5 - centre[1]
    u = inverse[0, 0] * dx + inverse[0, 1] * dy
    v = inverse[1, 0] * dx + inverse[1, 1] * dy
    return u.astype(np.float32), v.astype(np.float32)


def paste(picture: np.ndarray, sprite: Sprite, top: int, left: int, light: Light) -> np.ndarray:
    """Lay a sprite and its soft shadow over a picture, in place.

    Args:
        picture: (H, W, 3) colours, changed.
        sprite: What to draw; it may reach over the borders.
        top: Row of the sprite's first row.
        left: Column of its first column.
        light: The light, for the shadow.

    Returns:
        (H, W) coverage of the sprite in the picture.
    """
    shape = picture.shape[:2]
    alpha = place(sprite.alpha, shape, top, left)
    lean = -1.2 * light.direction[0] / light.direction[2]
    cast = _fallen(alpha, top + sprite.alpha.shape[0] - _MARGIN, float(lean))
    contact = gaussian_filter(alpha, 0.05 * min(sprite.alpha.shape) + 1)
    shadow = np.clip(0.85 * gaussian_filter(cast, 1.5) + 0.4 * contact, 0, 1)
    picture *= 1 - light.shadow * shadow[..., None]
    colours = place(sprite.colours, shape, top, left)
    picture *= 1 - alpha[..., None]
    picture += colours * alpha[..., None]
    return alpha


def _fallen(alpha: np.ndarray, base: int, lean: float) -> np.ndarray:
    """Lay a silhouette on the ground as its shadow: flattened towards the row `base`, drawn aside by `lean`.

    Args:
        alpha: (H, W) coverage.
        base: Row on which the object stands.
        lean: Pixels to the right per pixel of height.

    Returns:
        (H, W) coverage of the shadow.
    """
    matrix = np.array([[1 / _FLATNESS, 0.0], [lean / _FLATNESS, 1.0]])
    # Output row y shows source row base - (base - y) / flatness, moved back by the lean of that height.
    offset = np.array([base * (1 - 1 / _FLATNESS), -lean * base / _FLATNESS])
    return affine_transform(alpha, matrix, offset, order=1)


def place(array: np.ndarray, shape: Shape, top: int, left: int) -> np.ndarray:
    """Copy (h, w) or (h, w, 3) into zeros of (H, W), and cut off the parts outside."""
    canvas = np.zeros((*shape, *array.shape[2:]), np.float32)
    row, column = max(top, 0), max(left, 0)
    bottom, right = min(top + array.shape[0], shape[0]), min(left + array.shape[1], shape[1])
    if bottom > row and right > column:
        canvas[row:bottom, column:right] = array[row - top : bottom - top, column - left : right - left]
    return canvas
