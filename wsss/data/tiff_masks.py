"""Masks of class numbers in TIFFs, GeoTIFFs among them: one band of whole numbers, and nodata, which is ignored.

tifffile reads the numbers as the file has them; Pillow inverts some, and stretches those of few bits.
"""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from wsss.data.band_files import DAMAGE, NeedsCodec, is_tiff, tiff_array, tiff_file
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.label_values import BACKGROUND, IGNORE_INDEX

_REDUCED, _VALID = 1, 4
"""Bits of NEWSUBFILETYPE: a smaller copy for a quick look; a mask of valid pixels."""
_NUMBERS = (1, 3)
"""PHOTOMETRIC: black is 0; palette."""
_BITS = (8, 16, 32, 64)
_JPEG = (6, 7)
_NODATA = 42113
"""Tag of GDAL: the value of pixels of which nothing is known, as text."""


def read_tiff_mask(path: str | Path, content: bytes | None, *, most: int, background: bool) -> np.ndarray | None:
    """Read a TIFF of class numbers; None for other files, and for one that is too large.

    Args:
        path: The file; named in messages.
        content: Its bytes, where they have been read already.
        most: Most pixels.
        background: Whether 0 is background; then it cannot be nodata as well.

    Returns:
        (H, W) of whole numbers, upright, 255 where the file says that there are no data.

    Raises:
        InputError: If the file has several bands or images, floating point numbers, or says in a way that is not read
            where there are no data.
        ValueError: If the file is damaged.
    """
    with Path(path).open("rb") if content is None else BytesIO(content) as handle:
        if not is_tiff(handle.read(4)):
            return None
        handle.seek(0)
        try:
            file = tiff_file(handle)
            page = file.pages[0]
            if int(page.imagelength) * int(page.imagewidth) > most:
                return None
            _check_numbers(page, Path(path))
            _check_alone(file, page, Path(path))
            _check_whole(file, page, Path(path))
            values = tiff_array(handle, page, None)
            return _without_nodata(values[..., 0], page, path, background=background)
        except InputError:
            raise
        except NeedsCodec as error:
            raise InputError(
                f"{path}: the mask is compressed in a way that needs a package ({error}); `pip install imagecodecs`, "
                "or save it compressed by deflate"
            ) from None
        except DAMAGE as error:
            raise ValueError(str(error) or type(error).__name__) from error


def _check_numbers(page: Any, path: Path) -> None:
    """Refuse values that are no class numbers, or that Pillow and tifffile may take for others."""
    if page.samplesperpixel != 1:
        raise InputError(
            f"{path}: the mask has {page.samplesperpixel} bands, not one of class numbers; save that alone"
        )
    if int(page.photometric) not in _NUMBERS:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"{path}: the mask is of the kind {kind}, neither grey nor indexed; save it as one of them")
    if int(page.compression) in _JPEG:
        raise InputError(f"{path}: the mask is compressed by JPEG, which changes class numbers; save it by deflate")
    if page.bitspersample not in _BITS:
        raise InputError(f"{path}: the mask has {page.bitspersample} bits a pixel, which are not read; save it with 8")
    if page.dtype is None or np.dtype(page.dtype).kind not in "ui":
        raise InputError(
            f"{path}: the mask holds floating point numbers, not class numbers; save it with 8 bits (`gdal_translate "
            "-ot Byte`)"
        )


def _check_alone(file: Any, page: Any, path: Path) -> None:
    """Refuse further images, and what says in a way that is not read where there are no data."""
    further = [int(item.subfiletype) for item in file.pages[1:]]
    if any(bits & _VALID for bits in further) or path.with_name(f"{path.name}.msk").exists():
        raise InputError(
            f"{path}: the mask has another one of valid pixels, which is not read; write the others as {IGNORE_INDEX}"
        )
    if not all(bits & _REDUCED for bits in further) or page.shape != (page.imagelength, page.imagewidth):
        raise InputError(f"{path}: holds several images; save the mask as a file of its own")
    beside = path.with_name(f"{path.name}.aux.xml")
    if page.tags.get(_NODATA) is None and _says_nodata(beside):
        raise InputError(
            f"{path}: its nodata value stands in {beside.name}, which is not read; write such pixels as {IGNORE_INDEX}"
        )


def _check_whole(file: Any, page: Any, path: Path) -> None:
    """Refuse strips or tiles that are not there: readers fill in for them, one nodata and the other 0."""
    if len(page.dataoffsets) < math.prod(page.chunked):
        raise ValueError("parts of it are missing")
    if not all(page.databytecounts):
        raise InputError(f"{path}: the mask has parts that were never written (SPARSE_OK); write all of it")
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    if max(ends, default=0) > file.filehandle.size:
        raise ValueError("it ends too early")


def _says_nodata(beside: Path) -> bool:
    """Return whether the file in which GDAL keeps what a format cannot hold has a nodata value."""
    check_regular(beside)
    return beside.is_file() and b"<NoDataValue" in beside.read_bytes()


def _without_nodata(values: np.ndarray, page: Any, path: str | Path, *, background: bool) -> np.ndarray:
    """Return the values with 255 in place of nodata."""
    tag = page.tags.get(_NODATA)
    if tag is None:
        return values
    text = str(tag.value).strip(" \0")
    try:
        unknown: np.ndarray = values == float(text)
    except ValueError:
        raise InputError(f"{path}: its nodata value {text[:40]!a} is no number; correct or remove it") from None
    if background and float(text) == BACKGROUND and unknown.any():
        raise InputError(
            f"{path}: its nodata value is {BACKGROUND}, which is background in a mask; remove it where {BACKGROUND} is "
            f"background (`gdal_edit.py -unsetnodata`), else write such pixels as {IGNORE_INDEX}"
        )
    # numpy takes a type that holds both
    return np.where(unknown, np.uint8(IGNORE_INDEX), values)
