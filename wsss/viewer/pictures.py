"""Pictures of one image's maps: small ones for the gallery, and the values themselves for the page of one image."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from wsss.data.images import bounded_size, resize_labels, resize_map
from wsss.files import encoded
from wsss.label_values import IGNORE_INDEX
from wsss.ops.palette import PALETTES, stripes
from wsss.report.tiles import Tiles

ERRORS = (
    ("right, background", (38, 40, 44)),
    ("right, object", (70, 160, 95)),
    ("wrong class", (214, 48, 122)),
    ("object missed", (236, 142, 28)),
    ("object where there is none", (64, 120, 240)),
    ("undecided (255) where the truth is known", (178, 182, 188)),
    ("the truth is 255: not judged", (90, 92, 96)),
)
"""Meaning and colour of each value of an error map."""

LARGEST = 2048
"""Longest side of the pictures on the page of one image."""


def error_map(labels: np.ndarray, truth: np.ndarray, ignore_index: int = IGNORE_INDEX) -> np.ndarray:
    """Compare labels with the truth: right, or which kind of error, at every pixel.

    Args:
        labels: (H, W) uint8.
        truth: (H, W) uint8.

    Returns:
        (H, W) uint8, indices into `ERRORS`.
    """
    errors = np.full(labels.shape, 2, np.uint8)
    errors[(truth > 0) & (labels == 0)] = 3
    errors[(truth == 0) & (labels > 0)] = 4
    errors[labels == truth] = 1
    errors[(labels == truth) & (truth == 0)] = 0
    errors[labels == ignore_index] = 5
    errors[truth == ignore_index] = 6
    return errors


def error_palette() -> np.ndarray:
    """Return the colours of an error map, (256, 3) uint8."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(ERRORS)] = [color for _, color in ERRORS]
    return palette


def thumbnail(photograph: np.ndarray, array: np.ndarray | None, kind: str, classes: list[int], palette: str) -> bytes:
    """Draw a small picture, as JPEG.

    Args:
        photograph: (h, w, 3) uint8, already small.
        array: The map to draw over it; None draws the photograph.
        kind: `photograph`, `segmentation`, `saliency`, `cams` or `error`.
        classes: Label values of the planes of CAMs.
        palette: Name of a palette.
    """
    if array is None or kind == "photograph":
        picture = Image.fromarray(photograph)
    elif kind == "saliency":
        picture = Image.fromarray(resize_map(array, photograph.shape[:2]))
    elif kind == "cams":
        picture = Tiles(photograph, PALETTES[palette](), longest=max(photograph.shape[:2])).cams(array, classes)
    elif kind == "error":
        small = resize_labels(array, photograph.shape[:2])
        grey = photograph.mean(axis=2, keepdims=True)
        colors = error_palette()[small].astype(np.float32)
        strength = np.where(small == 0, 0.55, 0.8)[..., None]
        picture = Image.fromarray((grey * (1 - strength) + colors * strength).clip(0, 255).astype(np.uint8))
    else:
        picture = _draw_labels(photograph, array, palette)
    return encode(picture, sharp=kind in ("segmentation", "error"), quality=85)


def _draw_labels(photograph: np.ndarray, labels: np.ndarray, palette: str) -> Image.Image:
    """Draw labels much as `wsss.report.tiles.Tiles` does, but faster: a page has sixty pictures.

    Background is the photograph in dim grey. Objects have their class's colour and a light outline. 255 is striped.
    One look-up per pixel finds its colour.
    """
    height, width = photograph.shape[:2]
    small = resize_labels(labels, (height, width))
    grey = np.asarray(Image.fromarray(photograph).convert("L"))
    drawn = _blends(palette)[small.astype(np.uint16) << 8 | grey]
    edge = _outline(small)
    drawn[edge] = _packed(np.array([245, 245, 245]))
    ignored = small == IGNORE_INDEX
    if ignored.any():
        drawn[ignored] = _packed(_stripes(height, width))[ignored]
    return Image.frombuffer("RGB", (width, height), drawn.tobytes(), "raw", "RGBX", 0, 1)


@lru_cache(maxsize=4)
def _blends(palette: str) -> np.ndarray:
    """Return the colour of every label (high byte) over every grey (low byte), (65536,) uint32 as in `_packed`."""
    colors = PALETTES[palette]().astype(np.float64) * 0.72
    colors[0] = 0
    # 0.3 of the grey under the colour of an object, half of it on background
    share = np.where(np.arange(256) == 0, 0.5, 0.3)
    return _packed((colors[:, None] + (share[:, None] * np.arange(256))[..., None]).clip(0, 255)).ravel()


def _packed(colors: np.ndarray) -> np.ndarray:
    """Pack colours (..., 3) into one number each: bytes red, green, blue, and one unused."""
    whole = np.zeros((*colors.shape[:-1], 4), np.uint8)
    whole[..., :3] = colors
    return whole.view(np.uint32)[..., 0]


_stripes = lru_cache(maxsize=64)(stripes)


def _outline(small: np.ndarray) -> np.ndarray:
    """Find the pixels of objects that touch another label, (h, w) bool; 255 does not count as one."""
    edge = np.zeros(small.shape, bool)
    down, right = (slice(1, None),), (slice(None), slice(1, None))
    up, left = (slice(None, -1),), (slice(None), slice(None, -1))
    for here, there in ((down, up), (right, left)):
        one, other = small[here], small[there]
        step = (one != other) & (one != IGNORE_INDEX) & (other != IGNORE_INDEX)
        edge[here] |= step & (one > 0)
        edge[there] |= step & (other > 0)
    return edge


def encode(picture: Image.Image, *, sharp: bool = True, quality: int = 92) -> bytes:
    """Encode a picture as JPEG, which takes a fifth of the time of WebP.

    Args:
        sharp: Keep the full resolution of colours, as edges of labels need.
        quality: From 0 to 100.
    """
    return encoded(picture.convert("RGB"), "JPEG", quality=quality, subsampling=0 if sharp else 2)


@dataclass(frozen=True)
class RawMap:
    """Values for the page of an image: gzipped uint8 planes, and the facts needed to read them."""

    content: bytes
    planes: int
    height: int
    width: int
    classes: tuple[int, ...] = ()


def raw_map(array: np.ndarray, kind: str, classes: list[int]) -> RawMap:
    """Encode a map as bytes: labels as they are, saliency and CAMs in 256 steps.

    Args:
        array: (H, W) uint8 labels or saliency; (P, h, w) CAMs in [0, 1].
        kind: `segmentation`, `error`, `saliency`, `cams`.
        classes: Label values of the planes of CAMs.
    """
    size = (int(array.shape[-2]), int(array.shape[-1]))
    bounded = bounded_size(size, LARGEST)
    if kind == "cams":
        # refined CAMs may exceed 1: they are divided by their maximum, as the first ones are
        tops = array.max(axis=(-2, -1), keepdims=True) if array.size else array
        scaled = array.astype(np.float32) / np.maximum(tops, 1.0) if array.size else array.astype(np.float32)
        array = (scaled.clip(0, 1) * 255).round().astype(np.uint8)
    if bounded != size:
        array = resize_map(array, bounded) if kind in ("saliency", "cams") else resize_labels(array, bounded)
    planes = array.shape[0] if array.ndim == 3 else 1
    height, width = array.shape[-2:]
    content = gzip.compress(np.ascontiguousarray(array, np.uint8).tobytes(), compresslevel=3, mtime=0)
    return RawMap(content, planes, int(height), int(width), tuple(classes))
