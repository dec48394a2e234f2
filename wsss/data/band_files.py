"""What lies in an image file: all its bands, in all their bits, and what its last band means.

TIFFs are read by tifffile; Pillow drops a fourth band, takes the high bytes of 16 bits, and shows white where a band is
marked as transparency.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from wsss.data.reading import PLAIN, RGB, Reading
from wsss.errors import InputError

Found = TypeVar("Found")

ORIENTATION = 0x0112
"""Tag of EXIF and TIFF that says how a photograph lies in its file."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
DAMAGE = (ValueError, IndexError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error)
"""What tifffile raises of a file that it cannot read."""
_ALPHA = (1, 2)
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
# PHOTOMETRIC of TIFF: white is 0, black is 0, RGB; and the colours of those that Pillow converts when they have 8 bits
_WHITE_IS_ZERO, _LINEAR, _PLAIN = 0, (0, 1, 2), {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_TURN: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: values[::-1, ::-1].swapaxes(0, 1),
    8: lambda values: np.rot90(values, 1),
}


@dataclass(frozen=True)
class Values:
    """What a file holds.

    Attributes:
        array: (H, W, B) of any numbers, upright.
        alpha: Whether the last band is marked as transparency.
        others: How many bands are neither grey nor RGB.
    """

    array: np.ndarray
    alpha: bool = False
    others: int = 0


def read_values(path: str | Path, reading: Reading = PLAIN, content: bytes | None = None) -> Values | None:
    """Read all bands of a photograph; None leaves it to Pillow, which reads plain ones right.

    Args:
        path: The file; named in messages.
        reading: Whether every photograph is read by its bands, and most pixels.
        content: Its bytes, where they have been read already.

    Raises:
        InputError: If its kind of colours is not read, or a package is missing.
    """
    with Path(path).open("rb") if content is None else BytesIO(content) as handle:
        start = handle.read(32)
        if start.startswith(_JPEG) and not reading.asks:
            return None
        handle.seek(0)
        try:
            return _of_tiff(handle, reading, path) if is_tiff(start) else _of_other(handle, start, reading)
        except NeedsCodec as error:
            raise InputError(
                f"{path}: its bands are compressed in a way that needs a package ({error}); `pip install "
                "imagecodecs`, or save it without compression"
            ) from None


class NeedsCodec(Exception):
    """The file cannot be read without the package imagecodecs."""


def is_tiff(start: bytes) -> bool:
    """Return whether a file that begins with these bytes is a TIFF."""
    return start.startswith(_TIFF)


def tiff_size(path: str | Path) -> tuple[int, int] | None:
    """Return the (H, W) of a TIFF, upright, as its file says it; None for other files."""
    return of_tiff_page(path, _upright_size)


def of_tiff_page(path: str | Path, tell: Callable[[Any], Found]) -> Found | None:
    """Return what a function tells of a TIFF's first page, as tifffile has it; None for other and for damaged files."""
    with Path(path).open("rb") as handle:
        if not is_tiff(handle.read(4)):
            return None
        handle.seek(0)
        try:
            return tell(tiff_file(handle).pages[0])
        except DAMAGE:
            return None


def tiff_file(handle: Any) -> Any:
    """Open a TIFF by tifffile, without its messages; errors are those of `DAMAGE`."""
    import tifffile

    # what it says of damaged tags would stand beside the one line; damage that matters is an error
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    return tifffile.TiffFile(handle)


def _upright_size(page: Any) -> tuple[int, int]:
    turned = page.tags.get(ORIENTATION)
    size = (int(page.imagelength), int(page.imagewidth))
    return size if turned is None or int(turned.value) not in (5, 6, 7, 8) else size[::-1]


def _of_tiff(handle: Any, reading: Reading, path: str | Path) -> Values | None:
    try:
        file = tiff_file(handle)
        page: Any = file.pages[0]
        series: Any = file.series[0]
        extras = tuple(int(value) for value in page.extrasamples)
        colours = page.samplesperpixel - len(extras)
        height, width = int(page.imagelength), int(page.imagewidth)
        kind, planes = int(page.photometric), "C" in series.axes and series.shape[series.axes.index("C")] > 1
    except DAMAGE:
        return None  # Pillow says what is wrong, or reads it all the same
    if height * width > reading.max_pixels:
        return None  # refused by whoever opens it
    plain = _bits(page) <= 8 and colours == _PLAIN.get(kind) and not extras and not planes
    if plain and not reading.asks:
        return None
    if plain and (kind not in _LINEAR or _bits(page) < 8):
        with Image.open(handle) as image:
            return Values(np.asarray(image.convert("RGB")))
    if kind not in _LINEAR:
        raise InputError(
            f"{path}: its {page.samplesperpixel} bands of {_bits(page)} bits and of kind {page.photometric.name} are "
            "not read; save it as RGB"
        )
    array = tiff_array(handle, page, series if planes else None)
    if kind == _WHITE_IS_ZERO and array.dtype.kind == "u" and not extras:
        array = np.iinfo(array.dtype).max - array
    return Values(array, alpha=len(extras) == 1 and extras[0] in _ALPHA, others=array.shape[2] - min(colours, 3))


def _bits(page: Any) -> int:
    bits = page.bitspersample
    return int(max(bits) if isinstance(bits, tuple) else bits)


def tiff_array(handle: Any, page: Any, series: Any) -> np.ndarray:
    """Return the bands of a page, or of all pages of a series, upright, (H, W, B).

    Raises:
        NeedsCodec: If they are compressed in a way that neither tifffile alone nor Pillow reads.
    """
    try:
        source = page if series is None else series
        array, axes = source.asarray(), source.axes
    except (ValueError, ImportError) as error:
        # of Zstandard, tifffile says that a module of a later Python is missing
        lacks = str(error) if isinstance(error, ValueError) else repr(page.compression)
        if isinstance(error, ValueError) and "imagecodecs" not in lacks:
            raise
        handle.seek(0)
        # Pillow turns TIFFs itself
        pillow = _by_pillow(handle) if series is None and _is_right_by_pillow(page) else None
        if pillow is None or pillow.shape[2] != page.samplesperpixel:
            raise NeedsCodec(lacks.split(" requires")[0].strip("<>")) from None
        return pillow
    for axis in [name for name in axes if name not in "CSYX"]:
        # of several frames, the first is taken
        array, axes = array.take(0, axes.index(axis)), axes.replace(axis, "", 1)
    order = [axes.index(name) for name in "YXCS" if name in axes]
    array = array.transpose(order)
    array = array.reshape(*array.shape[:2], -1)
    orientation = page.tags.get(ORIENTATION)
    return array if orientation is None else _upright(array, int(orientation.value))


def _is_right_by_pillow(page: Any) -> bool:
    """Return whether Pillow (13.0) reads a compressed page right: signed bytes it does not, and big ends it swaps."""
    dtype = np.dtype(page.dtype)
    return dtype in (np.uint8, np.uint16) or (dtype.itemsize > 1 and page.parent.byteorder == "<")


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    return _TURN[orientation](array) if orientation in _TURN else array


def _by_pillow(handle: Any) -> np.ndarray | None:
    """Return all bits of an image of Pillow, (H, W, B): 16 bits of colour as high and low bytes; None if it cannot."""
    try:
        opened = Image.open(handle)
    except UnidentifiedImageError:
        return None
    with opened as image:
        raw = _raw_mode(image)
        if ";16" not in raw or image.mode not in ("RGB", "RGBA"):
            if ";16" in raw and image.mode not in _DEEP_GREY:
                return None
            array = np.asarray(image)
            return array.reshape(*array.shape[:2], -1)
        name, order = raw.split(";")
        little = order.endswith("L") or order.endswith("N")
    planes = []
    for suffix in ("16L", "16B") if little else ("16B", "16L"):
        handle.seek(0)
        with Image.open(handle) as image:
            # unpacked in the other order of bytes, what Pillow takes for the high bytes are the low ones
            image.tile = [_with_mode(tile, f"{name};{suffix}") for tile in image.tile]
            planes.append(np.asarray(image).astype(np.uint16))
    return planes[0] * 256 + planes[1]


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", [])
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _with_mode(tile: Any, mode: str) -> Any:
    arguments = (mode, *tile[3][1:]) if isinstance(tile[3], tuple) else mode
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


def _of_other(handle: Any, start: bytes, reading: Reading) -> Values | None:
    deep_png = start.startswith(_PNG) and len(start) > 25 and start[24] == 16
    with Image.open(handle) as image:
        if image.width * image.height > reading.max_pixels:
            return None
        deep = deep_png or image.mode in _DEEP_GREY
        if not deep and not reading.asks:
            return None
        orientation = orientation_of(image)
        if image.mode in ("P", "PA", "1", "YCbCr", "LAB", "HSV"):
            transparent = image.has_transparency_data
            array: np.ndarray | None = np.asarray(image.convert("RGBA" if transparent else "RGB"))
            colours = RGB
        else:
            handle.seek(0)
            array, colours = _by_pillow(handle), len(image.getbands()) - image.mode.endswith("A")
    if array is None:
        raise ValueError("16 bits of grey beside transparency are not read; save it without transparency")
    array = array.reshape(*array.shape[:2], -1)
    others = array.shape[2] - colours
    return Values(_upright(array, orientation), alpha=others == 1, others=others)


def orientation_of(image: Image.Image) -> int:
    """Return how a photograph lies in its file, 1 to 8; 1 is upright. Pillow turns TIFFs itself."""
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged EXIF block spoils only itself; Pillow raises anything from struct to KeyError
        return 1
