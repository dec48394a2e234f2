"""Draw small pictures of one image's maps over its photograph, to see where they fit it and where not."""

from __future__ import annotations

import base64

import numpy as np
from PIL import Image

from wsss.files import encoded
from wsss.label_values import IGNORE_INDEX
from wsss.ops.palette import stripes

STRIPE_PERIOD = 8
_DIMMED, _CLASS_COLOR, _CLASS_LIGHT, _STRIPES = 0.5, 0.72, 0.35, 0.86


class Tiles:
    """Draws the maps of one photograph at one small size.

    Args:
        photograph: (H, W, 3) uint8.
        palette: (256, 3) uint8 colours of label values.
        longest: Longest side of a tile; smaller photographs are enlarged to at most twice their size.
    """

    def __init__(
        self, photograph: np.ndarray, palette: np.ndarray, *, longest: int, ignore_index: int = IGNORE_INDEX
    ) -> None:
        self._palette, self._ignore_index = palette, ignore_index
        height, width = photograph.shape[:2]
        factor = min(longest / max(height, width), 2.0)
        self.size = (max(1, round(width * factor)), max(1, round(height * factor)))
        self._photograph = Image.fromarray(photograph).resize(self.size, Image.Resampling.BICUBIC)
        self._grey = np.asarray(self._photograph.convert("L"), np.float32)[..., None]

    def photograph(self) -> Image.Image:
        """Draw the photograph itself."""
        return self._photograph

    def saliency(self, saliency: np.ndarray) -> Image.Image:
        """Draw a saliency map (H, W) uint8 in grey: white is salient."""
        return Image.fromarray(saliency).resize(self.size, Image.Resampling.BILINEAR).convert("RGB")

    def labels(self, labels: np.ndarray) -> Image.Image:
        """Draw a label map (H, W) uint8: background is the photograph dimmed, ignored pixels are striped."""
        small = np.asarray(Image.fromarray(labels).resize(self.size, Image.Resampling.NEAREST))
        drawn = np.repeat(self._grey * _DIMMED, 3, axis=2)
        ignored = small == self._ignore_index
        foreground = (small > 0) & ~ignored
        colored = self._palette[small].astype(np.float32) * _CLASS_COLOR + self._grey * _CLASS_LIGHT
        drawn[foreground] = colored[foreground]
        if ignored.any():
            pattern = stripes(*small.shape, period=STRIPE_PERIOD).astype(np.float32)
            drawn[ignored] = (pattern * _STRIPES + drawn * (1 - _STRIPES))[ignored]
        drawn[_outline(small, self._ignore_index)] = 245
        return _image(drawn)

    def cams(self, cams: np.ndarray, classes: list[int]) -> Image.Image:
        """Draw CAMs (P, h, w) in [0, 1] of present classes: each glows in the colour of its class."""
        drawn = np.repeat(self._grey * _DIMMED, 3, axis=2)
        if len(classes):
            planes = np.stack([self._resized(plane) for plane in cams.astype(np.float32)])
            strength = planes.max(axis=0)[..., None].clip(0, 1)
            color = self._palette[np.asarray(classes)][planes.argmax(axis=0)].astype(np.float32)
            # the very top goes towards white, so that dark colours glow as well
            glow = color + (255 - color) * (0.6 * strength**6)
            drawn = drawn * (1 - 0.95 * strength) + glow * 0.95 * strength
        return _image(drawn)

    def _resized(self, plane: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(plane).resize(self.size, Image.Resampling.BILINEAR))


def _outline(labels: np.ndarray, ignore_index: int) -> np.ndarray:
    """Find the pixels of objects that touch another label, (H, W) bool: a line of one pixel; none at stripes."""
    padded = np.pad(labels, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    different = np.zeros(labels.shape, bool)
    for neighbour in neighbours:
        different |= (neighbour != middle) & (neighbour != ignore_index)
    return different & (labels > 0) & (labels != ignore_index)


def _image(array: np.ndarray) -> Image.Image:
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def data_uri(image: Image.Image, *, quality: int = 80) -> str:
    """Encode the picture as text that can stand in a page."""
    content = encoded(image, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(content).decode()
