"""Photographs of more than three bands or more than 8 bits: which bands become channels, which values 0 and 255.

Pillow drops a fourth band, takes the high bytes of 16 bits, and shows white where a band is marked as transparency. So
what is not plainly grey or RGB of 8 bits is read here, or refused with the setting that says what it means.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from wsss.errors import InputError

MAX_PIXELS = 8000 * 8000
"""Larger images are refused where nothing else is said: a small file can claim to hold more than fits into memory."""
BRIGHT = 2**14
"""Photographs of 16 bits whose values all lie below have 14 bits or fewer: they would become nearly black. Inferred."""

ORIENTATION = 0x0112
"""Tag of EXIF and TIFF that says how a photograph lies in its file."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 1, 3
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
class Reading:
    """How photographs are read.

    Attributes:
        bands: Bands that become channels, counted from 1; one is taken three times. None takes grey and RGB as they
            are, and refuses other bands.
        range: Values that become 0 and 255; None takes the whole range of 8 and 16 bits.
        max_pixels: Larger photographs are refused.
    """

    bands: tuple[int, ...] | None = None
    range: tuple[float, float] | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def asks(self) -> bool:
        """Whether bands or a range are named, so that every photograph is read by its bands."""
        return self.bands is not None or self.range is not None

    @property
    def channels(self) -> int:
        """Channels of a photograph: 3, or more where more bands are named."""
        return max(_RGB, len(self.bands or ()))

    def attributes(self) -> dict[str, Any]:
        """Return what an artifact records: only what is not the default."""
        found: dict[str, Any] = {} if self.bands is None else {"bands": list(self.bands)}
        found |= {} if self.range is None else {"range": list(self.range)}
        return found if self.max_pixels == MAX_PIXELS else {**found, "max_pixels": self.max_pixels}

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Reading:
        """Return the reading that an artifact records; extra keys are ignored."""
        pairs = {name: tuple(attributes[name]) for name in ("bands", "range") if attributes.get(name)}
        return cls(**pairs, max_pixels=int(attributes.get("max_pixels", MAX_PIXELS)))


PLAIN = Reading()
"""Grey and RGB, as they are."""


@dataclass(frozen=True)
class _Values:
    """What a file holds: (H, W, B) of any numbers, and what its last band means."""

    array: np.ndarray
    alpha: bool = False
    others: int = 0


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
    with Path(path).open("rb") if content is None else BytesIO(content) as handle:
        start = handle.read(32)
        if start.startswith(_JPEG) and not reading.asks:
            return None
        handle.seek(0)
        try:
            found = _of_tiff(handle, reading, path) if start.startswith(_TIFF) else _of_other(handle, start, reading)
        except _NeedsCodec as error:
            raise InputError(
                f"{path}: its bands are compressed in a way that needs a package ({error}); `pip install "
                "imagecodecs`, or save it without compression"
            ) from None
    return None if found is None else _channels(found, reading, path)


class _NeedsCodec(Exception):
    """The file cannot be read without the package imagecodecs."""


def tiff_size(path: str | Path) -> tuple[int, int] | None:
    """Return the (H, W) of a TIFF, upright, as its file says it; None for other files."""
    import tifffile

    with Path(path).open("rb") as handle:
        if not handle.read(4).startswith(_TIFF):
            return None
        handle.seek(0)
        try:
            page: Any = tifffile.TiffFile(handle).pages[0]
            turned = page.tags.get(ORIENTATION)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError):
            return None
        size = (int(page.imagelength), int(page.imagewidth))
        return size if turned is None or int(turned.value) not in (5, 6, 7, 8) else size[::-1]


def _of_tiff(handle: Any, reading: Reading, path: str | Path) -> _Values | None:
    import tifffile

    # what it says of damaged tags would stand beside the one line; damage that matters is an error
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        file = tifffile.TiffFile(handle)
        page: Any = file.pages[0]
        series: Any = file.series[0]
        extras = tuple(int(value) for value in page.extrasamples)
        colours = page.samplesperpixel - len(extras)
        kind, planes = int(page.photometric), "C" in series.axes and series.shape[series.axes.index("C")] > 1
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        return None  # Pillow says what is wrong, or reads it all the same
    height, width = page.imagelength, page.imagewidth
    if height * width > reading.max_pixels:
        return None  # refused by whoever opens it
    plain = _bits(page) <= 8 and colours == _PLAIN.get(kind) and not extras and not planes
    if plain and not reading.asks:
        return None
    if plain and (kind not in _LINEAR or _bits(page) < 8):
        with Image.open(handle) as image:
            return _Values(np.asarray(image.convert("RGB")))
    if kind not in _LINEAR:
        raise InputError(
            f"{path}: its {page.samplesperpixel} bands of {_bits(page)} bits and of kind {page.photometric.name} are "
            "not read; save it as RGB"
        )
    array = _tiff_array(handle, page, series if planes else None)
    if kind == _WHITE_IS_ZERO and array.dtype.kind == "u" and not extras:
        array = np.iinfo(array.dtype).max - array
    return _Values(array, alpha=len(extras) == 1 and extras[0] in _ALPHA, others=array.shape[2] - min(colours, 3))


def _bits(page: Any) -> int:
    bits = page.bitspersample
    return int(max(bits) if isinstance(bits, tuple) else bits)


def _tiff_array(handle: Any, page: Any, series: Any) -> np.ndarray:
    """Return the bands of a page, or of all pages of a series, upright, (H, W, B)."""
    try:
        source = page if series is None else series
        array, axes = source.asarray(), source.axes
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        handle.seek(0)
        # Pillow turns TIFFs itself
        pillow = None if series is not None else _by_pillow(handle)
        if pillow is None or pillow.shape[2] != page.samplesperpixel:
            raise _NeedsCodec(str(error).split(" requires")[0].strip("<>")) from None
        return pillow
    for axis in [name for name in axes if name not in "CSYX"]:
        # of several frames, the first is taken
        array, axes = array.take(0, axes.index(axis)), axes.replace(axis, "", 1)
    order = [axes.index(name) for name in "YXCS" if name in axes]
    array = array.transpose(order)
    array = array.reshape(*array.shape[:2], -1)
    orientation = page.tags.get(ORIENTATION)
    return array if orientation is None else _upright(array, int(orientation.value))


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


def _of_other(handle: Any, start: bytes, reading: Reading) -> _Values | None:
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
            colours = _RGB
        else:
            handle.seek(0)
            array, colours = _by_pillow(handle), len(image.getbands()) - image.mode.endswith("A")
    if array is None:
        raise ValueError("16 bits of grey beside transparency are not read; save it without transparency")
    array = array.reshape(*array.shape[:2], -1)
    others = array.shape[2] - colours
    return _Values(_upright(array, orientation), alpha=others == 1, others=others)


def orientation_of(image: Image.Image) -> int:
    """Return how a photograph lies in its file, 1 to 8; 1 is upright. Pillow turns TIFFs itself."""
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged EXIF block spoils only itself; Pillow raises anything from struct to KeyError
        return 1


def _channels(values: _Values, reading: Reading, path: str | Path) -> np.ndarray:
    """Choose the bands and turn their values into bytes, (H, W, C) uint8."""
    count = values.array.shape[2]
    if reading.bands is not None:
        if max(reading.bands) > count:
            raise InputError(
                f"{path}: has {count} band{'s' * (count > 1)}, but data.bands names band {max(reading.bands)}; correct "
                "data.bands, or leave this photograph out"
            )
        chosen = values.array[..., [band - 1 for band in reading.bands]]
        return _of_three(_bytes(chosen, reading, path))
    if not values.others and count in (_GREY, _RGB):
        return _of_three(_bytes(values.array, reading, path))
    if not values.alpha or count - 1 not in (_GREY, _RGB):
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
    result = _of_three(_bytes(colours, reading, path))
    return result if opaque.all() else np.where(opaque[..., None], result, np.uint8(255))


def _bytes(values: np.ndarray, reading: Reading, path: str | Path) -> np.ndarray:
    """Turn values of any type into uint8, by the range of the settings or by their own type."""
    lowest, highest = reading.range or (0.0, 0.0)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        if reading.range is None:
            return values
        if highest > 255:
            raise InputError(
                f"{path}: holds 8 bits, but data.range ends at {highest:g}, so it would be nearly black; leave it out, "
                "or convert it to the bits of the others"
            )
    if reading.range is not None:
        scaled = np.nan_to_num((values.astype(np.float32) - lowest) * (255 / (highest - lowest)), nan=0.0)
        result: np.ndarray = np.rint(scaled.clip(0, 255)).astype(np.uint8)
        return result
    least, most = values.min(), values.max()
    if values.dtype.kind not in "ui" or least < 0 or most > 65535:
        kind = "floating point numbers" if values.dtype.kind not in "ui" else "not of 8 or 16 bits"
        raise InputError(
            f"{path}: its pixels are {kind} ({least:g} to {most:g}); set data.range to the values that stand for black "
            "and white, or save it with 8 bits per channel"
        )
    if most < BRIGHT:
        bits = max(8, int(most).bit_length())
        raise InputError(
            f"{path}: its values end at {most} of the 65535 of 16 bits, so it would be nearly black; set data.range to "
            f"the values that stand for black and white, [0, {2**bits - 1}] say"
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _of_three(values: np.ndarray) -> np.ndarray:
    """Repeat a single band; return the array contiguous."""
    return np.ascontiguousarray(np.repeat(values, _RGB, 2) if values.shape[2] == _GREY else values)


__all__ = ["BRIGHT", "MAX_PIXELS", "PLAIN", "Reading", "orientation_of", "read_bands", "tiff_size"]
