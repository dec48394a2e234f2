"""Photographs, masks and maps as arrays: the one place that knows the many forms of image files."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from wsss.data.band_files import orientation_of, tiff_size
from wsss.data.bands import read_bands
from wsss.data.reading import MAX_PIXELS, PLAIN, Reading
from wsss.data.tiff_masks import read_tiff_mask
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.label_values import IGNORE_INDEX

LARGEST = 2**30
"""Pixels of the largest image that any setting allows."""

_LARGE = threading.Lock()
# Pillow has a limit of its own, at twice this number
Image.MAX_IMAGE_PIXELS = LARGEST
# This module refuses images that Pillow only warns of, and ignores damaged EXIF blocks. Pillow's warnings would stand
# in the way of the one line that the user is to read.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow stretches grey PNGs of 2 and 4 bits, as image tools like to write small masks, to 0..255
_STRETCH = {"L;2": 85, "L;4": 17}
# decoders of damaged files raise more kinds of errors than are documented
_DECODING_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, ArithmeticError),
    *(struct.error, zlib.error),
)
_PLAIN = ("RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr")
"""Modes whose pixels always become RGB of 8 bits; with others it depends on the pixels, or never does."""
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_image(path: str | Path, *, max_side: int | None = None, reading: Reading = PLAIN) -> np.ndarray:
    """Read a photograph as a person sees it.

    EXIF orientation is applied; grey, palette, CMYK and the like become RGB; transparent pixels show white, as
    viewers do; 16 bits are divided by 257. Of several frames, the first is taken. What has other bands, or values that
    would become nearly black, is refused where `reading` does not say what it means (`wsss.data.bands`).

    Args:
        path: The file.
        max_side: Longest side of the result; larger photographs are scaled down (JPEGs while they are decoded).
        reading: Bands, range, and most pixels.

    Returns:
        (H, W, C) uint8: RGB, or as many bands as `reading` names, if those are more.

    Raises:
        InputError: If the file is missing, truncated, damaged, no image, has more than `reading.max_pixels`, or its
            bands or values do not fit `reading`.
    """
    with decoding(path):
        check_regular(path)
        bands = read_bands(path, reading)
    if bands is not None:
        size = bands.shape[:2]
        return resize_image(bands, size if max_side is None else bounded_size((size[0], size[1]), max_side))
    with opened(path, most=reading.max_pixels) as image:
        size = _oriented_size(image)
        target = size if max_side is None else bounded_size(size, max_side)
        if target != size:
            # the smallest of JPEG's cheap scales that is not below the target; no effect on other formats
            height, width = target
            image.draft(None, (height, width) if _is_turned(image) else (width, height))
        rgb = _rgb(_oriented(image))
        if target != size:
            rgb = rgb.resize(target[::-1], Image.Resampling.BILINEAR, reducing_gap=3.0)
        return np.array(rgb)


def read_pictures(path: str | Path, reading: Reading = PLAIN) -> list[Image.Image]:
    """Read a photograph as `read_image` does, as pictures of Pillow, without a second copy of a large one.

    Returns:
        One of the mode RGB, then one of the mode L for each further band.

    Raises:
        InputError: Where `read_image` does.
    """
    with decoding(path):
        check_regular(path)
        bands = read_bands(path, reading)
    if bands is not None:
        return [
            Image.fromarray(np.ascontiguousarray(bands[..., :3])),
            *map(Image.fromarray, np.moveaxis(bands, 2, 0)[3:]),
        ]
    with opened(path, most=reading.max_pixels) as image:
        image.load()
        return [_rgb(_oriented(image))]


def image_size(path: str | Path, reading: Reading = PLAIN) -> tuple[int, int]:
    """Return the (H, W) of a photograph as its file says it, upright, without decoding it.

    Raises:
        InputError: If the file is no image, or has more than `reading.max_pixels`.
    """
    with decoding(path):
        check_regular(path)
        size = tiff_size(path)
        if size is not None and size[0] * size[1] <= reading.max_pixels:
            return size
    with opened(path, most=reading.max_pixels) as image:
        return _oriented_size(image)


def read_mask(
    path: str | Path, content: bytes | None = None, *, most: int = MAX_PIXELS, background: bool = True
) -> np.ndarray:
    """Read a mask of class numbers: the indices of a palette image, or the values of a grey one or of a GeoTIFF.

    Args:
        path: The file; named in messages.
        content: Its bytes, where they have been read already.
        most: Most pixels.
        background: Whether 0 is background; for TIFFs whose nodata value is 0.

    Returns:
        (H, W) uint8.

    Raises:
        InputError: If the file cannot be read, holds colours in place of class numbers, or numbers above 255; of a
            TIFF also where `read_tiff_mask` does.
    """
    with decoding(path):
        if content is None:
            check_regular(path)
        numbers = read_tiff_mask(path, content, most=most, background=background)
    if numbers is not None:
        return _class_numbers(numbers, path)
    with opened(path, content, most=most) as image:
        if image.mode in _SIXTEEN_BIT:
            return _class_numbers(np.asarray(image), path)
        if image.mode not in ("P", "L", "1"):
            raise InputError(
                f"{path}: the mask holds colours (mode {image.mode}), not class numbers; "
                "save it as an indexed or grey 8 bit PNG whose values are the classes"
            )
        tiles = getattr(image, "tile", [])
        stretch = _STRETCH.get(tiles[0][3], 1) if tiles else 1
        return (np.asarray(image) // np.uint8(stretch)).astype(np.uint8)


def _class_numbers(values: np.ndarray, path: str | Path) -> np.ndarray:
    """Return whole numbers as uint8; refuse those that are beyond."""
    low, high = values.min(), values.max()
    if low < 0 or high > IGNORE_INDEX:
        wrong = high if high > IGNORE_INDEX else low
        raise InputError(f"{path}: the mask holds the value {wrong}, but class numbers are 0 to {IGNORE_INDEX}")
    return values.astype(np.uint8)


def read_map(path: str | Path, *, most: int = MAX_PIXELS) -> np.ndarray:
    """Read a grey map such as saliency, black 0, white 255; colours become grey, transparency is dropped.

    Args:
        path: The file.
        most: Most pixels.

    Returns:
        (H, W) uint8.

    Raises:
        InputError: If the file cannot be read.
    """
    with opened(path, most=most) as image:
        oriented = _oriented(image)
        if oriented.mode in _SIXTEEN_BIT:
            return _eight_bit(oriented)
        if oriented.mode in ("LA", "RGBA", "PA", "La", "RGBa", "P"):
            oriented = oriented.convert("RGB")
        return np.array(oriented.convert("L"))


@contextmanager
def opened(path: str | Path, content: bytes | None = None, *, most: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image, refuse one that is too large, and turn Pillow's errors in the block into an InputError.

    Args:
        path: The file; named in messages.
        content: Its bytes, where they have been read already.
        most: Most pixels.
    """
    with decoding(path):
        if content is None:
            check_regular(path)
        with Image.open(Path(path) if content is None else BytesIO(content)) as image:
            width, height = image.size
            if width * height > most:
                raise InputError(_too_large(path, f"{width} x {height} pixels", most))
            yield image


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Turn what decoders raise in the block into one line about the file."""
    try:
        yield
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(_too_large(path, f"over {2 * LARGEST} pixels", MAX_PIXELS)) from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not an image that can be read; replace the file") from None
    except _DECODING_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:
            raise unreadable(Path(path), error) from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: damaged or unsupported image ({reason}); replace the file") from None


def unreadable(path: Path, error: OSError) -> InputError:
    """Say why an image file cannot be opened or read."""
    if isinstance(error, FileNotFoundError):
        is_link = path.is_symlink()
        return InputError(
            f"{path}: "
            + ("is a link to a file that is not there; correct the link" if is_link else "no such image file")
        )
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path}: is a folder, not an image file; replace or rename it")
    return InputError(f"{path}: cannot be read ({error.strerror}); correct or replace the file")


def decoded_size(path: str | Path, content: bytes | None = None, reading: Reading = PLAIN) -> tuple[int, int]:
    """Decode an image as `read_image` will, so that damage shows, and return the (H, W) that it will give.

    Raises:
        InputError: Where `read_image` does.
    """
    with decoding(path):
        bands = read_bands(path, reading, content)
    if bands is not None:
        return bands.shape[0], bands.shape[1]
    with opened(path, content, most=reading.max_pixels) as image, _in_turn(image):
        image.load()
        if image.mode not in _PLAIN:
            _rgb(image)
        return _oriented_size(image)


def _in_turn(image: Image.Image) -> AbstractContextManager[object]:
    """Let threads decode large images one after the other: each takes gigabytes."""
    return _LARGE if image.width * image.height > MAX_PIXELS else nullcontext()


def bounded_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Scale (H, W) down so that the longest side is at most `max_side`; both sides are at least 1."""
    longest = max(size)
    if longest <= max_side:
        return size
    return max(1, round(size[0] * max_side / longest)), max(1, round(size[1] * max_side / longest))


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, C) uint8 to another (H, W), bilinearly, antialiased when it shrinks."""
    if image.shape[:2] != tuple(size) and image.shape[2] != 3:
        return np.stack([_resize(band, size, Image.Resampling.BILINEAR) for band in np.moveaxis(image, 2, 0)], axis=2)
    return _resize(image, size, Image.Resampling.BILINEAR)


def resize_map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) or (K, H, W) to another (H, W), bilinearly, antialiased when it shrinks.

    Returns:
        uint8 for uint8, else float32.
    """
    values = values if values.dtype == np.uint8 else values.astype(np.float32)
    if values.ndim == 3:
        planes = [_resize(plane, size, Image.Resampling.BILINEAR) for plane in values]
        return np.stack(planes) if planes else np.zeros((0, *size), values.dtype)
    return _resize(values, size, Image.Resampling.BILINEAR)


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) uint8 class numbers to another (H, W); each pixel takes its nearest."""
    return _resize(labels, size, Image.Resampling.NEAREST)


def _resize(array: np.ndarray, size: tuple[int, int], resampling: Image.Resampling) -> np.ndarray:
    if array.shape[:2] == tuple(size):
        return array
    return np.array(Image.fromarray(array).resize((size[1], size[0]), resampling))


def _oriented_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (width, height) if _is_turned(image) else (height, width)


def _is_turned(image: Image.Image) -> bool:
    """Return whether the photograph lies on its side in the file."""
    return orientation_of(image) in (5, 6, 7, 8)


def _oriented(image: Image.Image) -> Image.Image:
    transposition = _TRANSPOSITIONS.get(orientation_of(image))
    return image if transposition is None else image.transpose(transposition)


def _rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    # convert copies what has the mode already
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(image: Image.Image) -> np.ndarray:
    """Turn 16 bit grey into (H, W) uint8."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("pixels have more than 16 bits; save it with 8 bits per channel")
    return ((values + 128) // 257).astype(np.uint8)


def _too_large(path: str | Path, size: str, most: int) -> str:
    return f"{path}: {size} are more than the {most} that are allowed; scale the image down, or raise data.max_pixels"
