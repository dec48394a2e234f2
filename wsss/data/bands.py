"""Photographs of more than three bands or more than 8 bits: which bands become channels, which values 0 and 255.

What is not plainly grey or RGB of 8 bits is read here, or refused with the setting that says what it means.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsss.data.band_files import Values, read_values
from wsss.data.reading import PLAIN, RGB, Reading, as_bytes
from wsss.errors import InputError

_GREY = 1


def read_bands(path: str | Path, reading: Reading = PLAIN, content: bytes | None = None) -> np.ndarray | None:
    """Read a photograph by its bands; None leaves it to Pillow, which reads plain ones right.

    Args:
        path: The file; named in messages.
        reading: Bands, range, and most pixels.
        content: Its bytes, where they have been read already.

    Returns:
        (H, W, C) uint8, upright; C is `reading.channels`.

    Raises:
        InputError: If bands or values do not fit the settings, or the settings must say what they mean.
    """
    found = read_values(path, reading, content)
    return None if found is None else _channels(found, reading, path)


def chosen_bands(values: Values, reading: Reading, path: str | Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Choose the bands that become channels: (H, W, C) of any numbers, and where they are opaque, (H, W) bool.

    Where all is opaque, None stands for it.

    Raises:
        InputError: If the settings name a band that is not there, or must say which bands are meant.
    """
    count = values.array.shape[2]
    if reading.bands is not None:
        if max(reading.bands) > count:
            raise InputError(
                f"{path}: has {count} band{'s' * (count > 1)}, but data.bands names band {max(reading.bands)}; correct "
                "data.bands, or leave this photograph out"
            )
        return values.array[..., [band - 1 for band in reading.bands]], None
    if not values.others and count in (_GREY, RGB):
        return values.array, None
    if not values.alpha or count - 1 not in (_GREY, RGB):
        raise InputError(
            f"{path}: has {count} bands; say by data.bands which of them networks see, counted from 1: three of them, "
            f"{list(range(1, min(count, 3) + 1)) if count > 2 else [1]} say, or all"
        )
    alpha, colours = values.array[..., -1], values.array[..., :-1]
    top = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    opaque = alpha == top
    if not opaque.any() or not (opaque | (alpha == 0)).all():
        raise InputError(
            f"{path}: its band {count} is marked as transparency, but "
            f"{'is 0 everywhere' if not alpha.any() else 'its values are neither 0 nor full alone'}; set data.bands to "
            f"{list(range(1, count))} to leave it out, or to {list(range(1, count + 1))} where networks are to see it"
        )
    return colours, None if opaque.all() else opaque


def _channels(values: Values, reading: Reading, path: str | Path) -> np.ndarray:
    """Choose the bands and turn their values into bytes, (H, W, C) uint8."""
    chosen, opaque = chosen_bands(values, reading, path)
    result = _of_three(as_bytes(chosen, reading, path))
    return result if opaque is None else np.where(opaque[..., None], result, np.uint8(255))


def _of_three(values: np.ndarray) -> np.ndarray:
    """Repeat a single band; return the array contiguous."""
    return np.ascontiguousarray(np.repeat(values, RGB, 2) if values.shape[2] == _GREY else values)
