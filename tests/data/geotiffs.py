"""GeoTIFFs, made with and without rasterio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

ORIGIN, PIXEL = (500_000.0, 5_600_000.0), 0.25
"""Upper left corner and side of a pixel, in metres of EPSG:32632."""


def tagged_tiff(path: Path, pixels: np.ndarray, *, orientation: int = 1) -> Path:
    """A GeoTIFF by its tags: scale, tie point, and the key of EPSG:32632."""
    tags: list[Any] = [(33550, "d", 3, (PIXEL, PIXEL, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, *ORIGIN, 0.0), True)]
    tags.append((34735, "H", 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632), True))
    tags += [(274, "H", 1, orientation, True)] if orientation > 1 else []
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=tags)
    return path


def latin_tiff(path: Path, pixels: np.ndarray) -> Path:
    """A GeoTIFF whose reference system has a name in Latin-1, which rasterio takes for UTF-8."""
    name = "Système|".encode("latin-1")
    keys = (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, len(name), 0, 3072, 0, 1, 32767)
    tags: list[Any] = [(33550, "d", 3, (PIXEL, PIXEL, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, *ORIGIN, 0.0), True)]
    tags += [(34735, "H", len(keys), keys, True), (34737, "s", len(name) + 1, name + b"\0", True)]
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=tags)
    return path


def written_tiff(path: Path, pixels: np.ndarray, **given: Any) -> Path:
    """A GeoTIFF of all bands (H, W, B), as rasterio writes it."""
    import rasterio

    height, width, bands = pixels.shape
    shape = {"height": height, "width": width, "count": bands, "dtype": pixels.dtype.name}
    points, rpcs = given.pop("points", None), given.pop("rpcs", None)
    with rasterio.open(path, "w", driver="GTiff", **shape, **given) as file:
        file.write(np.moveaxis(pixels, 2, 0))
        if points is not None:
            file.gcps = points
        if rpcs is not None:
            file.rpcs = rpcs
    return path
