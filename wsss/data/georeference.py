"""Where a photograph lies on the earth: read from a GeoTIFF, written with its mask. By rasterio (`wsss[geo]`)."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsss.data.band_files import ORIENTATION, of_tiff_page
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.label_values import IGNORE_INDEX

_PLACED = (33550, 33922, 34264, 50844)
"""Tags that place a TIFF: scale, tie points (also those of ground control points), transformation, RPCs."""
_BLOCK = 256
"""Side of the blocks of a mask in its file, in pixels: readers take a part without decompressing all."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Georeference:
    """Where the pixels of a photograph lie, in the types of rasterio.

    Attributes:
        crs: Coordinate reference system; None where the file names none.
        transform: Of columns and rows to coordinates; None where points or RPCs say it.
        points: Ground control points.
        rpcs: Rational polynomial coefficients; None where there are none.
        path: The file that says it; None where none does.
        size: Its (H, W) in pixels, which are those that lie there.
    """

    crs: Any
    transform: Any = None
    points: tuple[Any, ...] = ()
    rpcs: Any = None
    path: Path | None = None
    size: tuple[int, int] | None = None

    def in_words(self) -> str:
        """Return the reference system, the size of a pixel and the bounds, in one line."""
        if self.crs is None:
            system, unit = "no reference system", ""
        else:
            code = self.crs.to_epsg()
            # else the name, which stands first in the text of a reference system
            system = f"EPSG:{code}" if code else self.crs.to_wkt().split('"')[1]
            unit = " degree" if self.crs.is_geographic else f" {self.crs.linear_units}"
        if self.transform is None or self.size is None:
            return f"{system}, by {f'{len(self.points)} ground control points' if self.points else 'RPCs'}"
        height, width = self.size
        a, b, c, d, e, f = self.transform[:6]
        ends = ((0, 0), (width, 0), (0, height), (width, height))
        corners = [(a * column + b * row + c, d * column + e * row + f) for column, row in ends]
        sides = [math.dist(corners[0], corner) for corner in corners[1:3]]
        (left, right), (bottom, top) = ((min(values), max(values)) for values in zip(*corners, strict=True))
        return (
            f"{system}, pixels of {sides[0] / width:.10g} x {sides[1] / height:.10g}{unit}, from {left:.10g}, "
            f"{bottom:.10g} to {right:.10g}, {top:.10g}"
        )


NOWHERE = Georeference(None)
"""Of a photograph that says nothing."""


def is_placed(path: Path) -> bool:
    """Return whether a file is a TIFF that says itself where it lies; for that, nothing need be installed."""
    return bool(_told(path, lambda page: any(code in page.tags for code in _PLACED)))


def georeferences(photographs: Mapping[str, Path]) -> dict[str, Georeference]:
    """Return where photographs lie, of those whose masks can be placed; one warning says what is lost of others.

    Args:
        photographs: By name. Of files that are no TIFF or damaged nothing is said.
    """
    found: dict[str, Georeference] = {}
    without: list[Path] = []
    for name, path in photographs.items():
        turned = _told(path, _is_turned)
        if turned is None:
            continue
        try:
            place = read_georeference(path)
        except ImportError:
            if is_placed(path):
                without.append(path)
            continue
        if place is not None and turned:
            logger.warning("%s: lies turned in its file, so its mask is written without its georeference", path)
        elif place is not None:
            found[name] = place
    if without:
        more = f" (and of {len(without) - 1} more)" if without[1:] else ""
        logger.warning(
            "%s: the georeference of this photograph%s is lost in its mask; `pip install 'wsss[geo]'` keeps it",
            *(without[0], more),
        )
    return found


def read_georeference(path: Path) -> Georeference | None:
    """Read where a TIFF lies; None where it does not say so, or cannot be read. A warning says if a place is lost.

    Raises:
        ImportError: If rasterio is not installed.
    """
    import rasterio
    from rasterio.errors import RasterioError

    # whoever reads the photograph says what is wrong with it
    logging.getLogger("rasterio").setLevel(logging.CRITICAL)
    try:
        with _quiet(), rasterio.open(path, driver="GTiff") as file:
            points, crs_of_points = file.gcps
            transform = None if file.transform.is_identity else file.transform
            crs = file.crs or crs_of_points
            found = Georeference(crs, transform, tuple(points), file.rpcs, path, (file.height, file.width))
    except RasterioError:
        return None
    except ValueError as error:
        # whoever reads the photograph may read it well: a name in Latin-1 spoils nothing but the reference system
        if is_placed(path):
            reason = " ".join(str(error).split())
            logger.warning("%s: its georeference cannot be read (%s), so its mask is written without it", path, reason)
        return None
    return found if found.transform is not None or found.points or found.rpcs is not None else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Let rasterio not warn of files that have no transformation: points or RPCs may place them."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def geotiff(labels: np.ndarray, place: Georeference, palette: np.ndarray) -> bytes:
    """Encode a mask as a GeoTIFF: compressed by deflate, in blocks, 255 as nodata.

    Args:
        labels: (H, W) uint8.
        place: Where the photograph lies, of the same size.
        palette: (256, 3) uint8, the colours of the values.

    Returns:
        The file; besides it, a row of blocks at a time is in memory.

    Raises:
        InputError: If the photograph has another size: the transformation would put the mask elsewhere.
    """
    from rasterio.crs import CRS
    from rasterio.io import MemoryFile
    from rasterio.windows import Window

    height, width = labels.shape
    if place.size is not None and place.size != labels.shape:
        raise InputError(
            f"{place.path}: is of {place.size[0]} x {place.size[1]} pixels and its label map of {height} x {width}, so "
            "it says not where that lies; restore the photograph, or make the label map again"
        )
    shape = {"height": height, "width": width, "count": 1, "dtype": "uint8", "nodata": IGNORE_INDEX}
    layout = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate", "bigtiff": "if_safer"}
    where = {"crs": place.crs, "transform": place.transform} if place.transform is not None else {}
    with _quiet(), MemoryFile() as memory:
        with memory.open(driver="GTiff", **shape, **layout, **where) as file:
            file.write_colormap(1, {value: (*colour, 255) for value, colour in enumerate(palette.tolist())})
            if place.points:
                file.gcps = (list(place.points), place.crs or CRS())
            if place.rpcs is not None:
                file.rpcs = place.rpcs
            for start in range(0, height, _BLOCK):
                rows = labels[start : start + _BLOCK]
                file.write(rows, 1, window=Window(0, start, width, len(rows)))
        return bytes(memory.getbuffer())


def _told(path: Path, tell: Callable[[Any], bool]) -> bool | None:
    """Return what a function tells of a TIFF's first page; None of other files, and of those that cannot be read."""
    try:
        check_regular(path)
        return of_tiff_page(path, tell)
    except (InputError, OSError):
        return None


def _is_turned(page: Any) -> bool:
    turned = page.tags.get(ORIENTATION)
    return turned is not None and int(turned.value) != 1
