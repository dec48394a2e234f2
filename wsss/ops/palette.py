"""Colours of classes: the palette of PASCAL VOC, and one that people with colour-blindness can tell apart."""

from __future__ import annotations

import numpy as np
from PIL import Image

from wsss.label_values import IGNORE_INDEX

IGNORE_COLOR = (255, 255, 255)
IGNORE_STRIPE = (178, 182, 188)
"""255 is drawn as stripes of these two, a pattern that no class has in any palette."""

# The colours of Okabe and Ito (2008) without black and grey, then colours chosen one after the other to lie as far as
# possible, in CIELAB, from all before them and from black, white and two greys, for normal vision and for protanopia
# and deuteranopia (Machado et al. 2009; distances there count 1.7-fold). All are bright enough for a dark photograph.
_COLOR_BLIND_SAFE = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (213, 94, 0),
    (240, 228, 66),
    (105, 0, 255),
    (0, 255, 135),
    (90, 105, 240),
    (135, 75, 30),
    (150, 165, 90),
    (150, 240, 180),
    (45, 225, 240),
    (165, 15, 135),
    (90, 150, 255),
    (180, 225, 90),
    (150, 0, 195),
    (195, 90, 90),
    (105, 75, 255),
    (0, 210, 135),
    (0, 225, 195),
    (240, 30, 195),
    (180, 60, 120),
    (195, 150, 60),
    (0, 105, 60),
    (150, 120, 60),
    (60, 210, 30),
    (75, 210, 90),
    (255, 165, 180),
    (165, 75, 0),
    (210, 165, 210),
)


def voc_palette() -> np.ndarray:
    """Build the palette of PASCAL VOC's masks: the bits of a value, spread over the three channels.

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
    """Build a palette for normal and colour-blind eyes: 32 classes, VOC's colours after them.

    Returns:
        (256, 3) uint8; row 0 is black, row 255 white.
    """
    palette = voc_palette()
    palette[1 : len(_COLOR_BLIND_SAFE) + 1] = _COLOR_BLIND_SAFE
    palette[IGNORE_INDEX] = IGNORE_COLOR
    return palette


PALETTES = {"voc": voc_palette, "color_blind": color_blind_palette}


def stripes(height: int, width: int, *, period: int = 8) -> np.ndarray:
    """Draw diagonal stripes for ignored pixels.

    Returns:
        (height, width, 3) uint8.
    """
    first = (np.arange(height)[:, None] + np.arange(width)[None, :]) % period < period // 2
    colors = np.array([IGNORE_STRIPE, IGNORE_COLOR], np.uint8)
    return colors[first.astype(np.intp)]


def indexed_picture(labels: np.ndarray) -> Image.Image:
    """Make a picture of labels (H, W) uint8 with VOC's palette, as VOC stores its masks."""
    picture = Image.fromarray(labels)
    picture.putpalette(voc_palette().tobytes())
    return picture
