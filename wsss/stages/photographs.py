"""Photographs outside any data set: read them, and find classes at their own size. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from wsss.data.images import bounded_size, resize_image
from wsss.data.sources.files import walk_pictures
from wsss.errors import InputError
from wsss.grid import snapped_size
from wsss.protected import PICTURES
from wsss.record import WrittenBelow

MAX_SIDE = 1024
"""Longest side that a network sees of a photograph, in pixels, as `data.max_side` has it for a data set."""
ROWS = 256
"""Rows of the full-size result that are in memory at a time."""


def named_photographs(photos: Iterable[Path]) -> dict[str, Path]:
    """Name each photograph: by its stem, or by its path below the given folder.

    Args:
        photos: Files, and folders. Of a folder every photograph is taken, but nothing hidden, nothing in its `results`,
            and nothing that this program wrote.

    Raises:
        InputError: If one is missing, two have the same name, or a folder holds none.
    """
    named: dict[str, Path] = {}
    for given in photos:
        if not given.exists():
            raise InputError(f"{given}: no such photograph")
        found = _inside(given) if given.is_dir() else [given]
        for path in found:
            name = str(path.relative_to(given).with_suffix("")) if given.is_dir() else path.stem
            if name in named:
                raise InputError(f"{path}: its results would replace those of {named[name]}; rename one of them")
            named[name] = path
    return named


def seen_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Return the height and width in which networks see a photograph: on their grid, at most about `max_side` long."""
    return snapped_size(bounded_size(size, max_side))


def as_network_sees(image: np.ndarray, max_side: int) -> np.ndarray:
    """Resize a photograph (H, W, C) uint8 to the grid of sizes that networks see, at most about `max_side` long."""
    return resize_image(image, seen_size((image.shape[0], image.shape[1]), max_side))


def strongest(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Find the strongest class at another size, as `wsss.ops.probabilities.labels_at_size` does, without torch.

    The full-size scores never exist: a band of rows is worked on at a time.

    Args:
        scores: (K, h, w) float32.
        size: Height and width of the result.

    Returns:
        (*size) uint8.
    """
    if scores.shape[1:] == tuple(size):
        return scores.argmax(0).astype(np.uint8)
    return np.concatenate(
        [at_size(scores, size, rows=slice(start, start + ROWS)).argmax(0) for start in range(0, size[0], ROWS)]
    ).astype(np.uint8)


def at_size(scores: np.ndarray, size: tuple[int, int], *, rows: slice = slice(None)) -> np.ndarray:
    """Resize scores (K, h, w) bilinearly, centres of pixels on centres: (K, *size) float32, or these rows of it."""
    above, below, down = _between(scores.shape[1], size[0])
    left, right, across = _between(scores.shape[2], size[1])
    band = scores[:, above[rows]]
    band = band + (scores[:, below[rows]] - band) * down[rows, None]
    start = band[:, :, left]
    return start + (band[:, :, right] - start) * across


def _between(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two points that each of `size` points lies between, and how far from the first: float32."""
    places = ((np.arange(size) + 0.5) * (length / size) - 0.5).clip(0, length - 1)
    first = np.floor(places).astype(np.int64)
    return first, np.minimum(first + 1, length - 1), (places - first).astype(np.float32)


def _inside(folder: Path) -> Sequence[Path]:
    """List the photographs of a folder; masks and overlays of an earlier call are none."""
    written = WrittenBelow(folder)
    found = [folder / name for name in walk_pictures(folder)[0]]
    photographs = [path for path in found if path not in written]
    if not photographs:
        left_out = f"; the {len(found)} there were written by this program" if found else ""
        raise InputError(f"{folder}: holds no photographs ({', '.join(PICTURES)}){left_out}")
    return photographs
