"""Colours of classes: the palette of PASCAL VOC, and one that people with colour-blindness can tell apart."""

from __future__ import annotations

import numpy as np

IGNORE_COLOR = (255, 255, 255)
IGNORE_STRIPE = (178, 182, 188)
"""255 is drawn as stripes of these two, a pattern that no class has in any palette."""

# The eight colours of Okabe and Ito (2008) but black, then colours chosen one after the other as far as possible, in
# CIELAB, from all before them, from black, grey and white, as seen with normal vision, protanopia and deuteranopia
# (Machado et al. 2009): at least 24 units apart for the first 17, at least 16 for all.
_COLOR_BLIND_SAFE = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (213, 94, 0),
    (240, 228, 66),
    (0, 0, 255),
    (105, 105, 255),
    (210, 225, 150),
    (135, 45, 30),
    (135, 15, 105),
    (105, 0, 180),
    (105, 150, 255),
    (255, 180, 180),
    (120, 165, 90),
    (120, 60, 75),
    (75, 225, 240),
    (240, 210, 105),
    (195, 75, 45),
    (210, 0, 180),
    (30, 75, 255),
    (150, 90, 75),
    (135, 0, 135),
    (210, 165, 75),
    (120, 240, 210),
    (165, 75, 135),
    (90, 0, 210),
    (15, 195, 135),
    (60, 180, 195),
    (195, 90, 225),
    (165, 45, 210),
)


def voc_palette() -> np.ndarray:
    """The palette of PASCAL VOC's masks: the bits of a value, spread over the three channels.

    Returns:
        (256, 3) uint8; row 0 is black, row 255 the cream of VOC's borders.
    """
    values = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((values >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def color_blind_palette() -> np.ndarray:
    """A palette for normal and colour-blind eyes: distinct for the first 32 classes, VOC's colours after them.

    Returns:
        (256, 3) uint8; row 0 is black, row 255 white.
    """
    palette = voc_palette()
    palette[1 : len(_COLOR_BLIND_SAFE) + 1] = _COLOR_BLIND_SAFE
    palette[255] = IGNORE_COLOR
    return palette


PALETTES = {"voc": voc_palette, "color_blind": color_blind_palette}


def stripes(height: int, width: int, *, period: int = 8) -> np.ndarray:
    """Diagonal stripes for what is ignored.

    Returns:
        (height, width, 3) uint8.
    """
    first = (np.arange(height)[:, None] + np.arange(width)[None, :]) % period < period // 2
    colors = np.array([IGNORE_STRIPE, IGNORE_COLOR], np.uint8)
    return colors[first.astype(np.intp)]


def colorize(labels: np.ndarray, palette: np.ndarray, *, ignore_index: int = 255, period: int = 8) -> np.ndarray:
    """A label map in colours, ignored pixels striped.

    Args:
        labels: (H, W) uint8.
        palette: (256, 3) uint8.
        period: Width of a pair of stripes, in pixels.

    Returns:
        (H, W, 3) uint8.
    """
    colored = palette[labels]
    ignored = labels == ignore_index
    if ignored.any():
        colored[ignored] = stripes(*labels.shape, period=period)[ignored]
    return colored
