"""All bands of a file are read, however it arranges them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.data.band_pictures import RANDOM, refusal, tiff, values
from tests.data.geotiffs import written_tiff
from wsss.data.band_files import read_values, tiff_size
from wsss.data.bands import read_bands
from wsss.data.images import read_image
from wsss.data.reading import Reading
from wsss.errors import InputError


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((20, 30, 6), {"planarconfig": "contig"}),
        ((6, 20, 30), {"planarconfig": "separate", "photometric": "minisblack"}),
        ((6, 20, 30), {"imagej": True, "metadata": {"axes": "CYX"}, "photometric": "minisblack"}),
        ((6, 20, 30), {"ome": True, "metadata": {"axes": "CYX"}, "photometric": "minisblack"}),
    ],
)
def test_bands_in_all_arrangements(tmp_path: Path, shape: tuple[int, ...], given: dict[str, Any]) -> None:
    array = RANDOM.integers(0, 256, shape).astype(np.uint8)
    path = tiff(tmp_path / "image.tif", array, **given)
    last = array if shape[-1] == 6 else np.moveaxis(array, 0, 2)
    assert "has 6 bands" in refusal(path)
    assert np.array_equal(read_image(path, reading=Reading(bands=(6, 1, 3))), last[..., [5, 0, 2]])
    wide = read_image(path, reading=Reading(bands=(1, 2, 3, 4, 5, 6)))
    assert np.array_equal(wide, last)
    assert read_image(path, max_side=15, reading=Reading(bands=(1, 2, 3, 4, 5, 6))).shape == (10, 15, 6)


def test_pages_are_frames_of_which_the_first_is_taken(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 256, (4, 20, 30)).astype(np.uint8)
    path = tiff(tmp_path / "image.tif", array, photometric="minisblack")
    assert np.array_equal(read_image(path)[..., 0], array[0])
    tiff(path, array.astype(np.uint16) * 257, photometric="minisblack")
    assert np.array_equal(read_image(path)[..., 0], array[0])


def test_orientation_and_inverted_grey(tmp_path: Path) -> None:
    array = values(4)
    path = tiff(tmp_path / "image.tif", array, extratags=[(274, "H", 1, 6, True)])
    read = read_image(path, reading=Reading(bands=(1, 2, 3, 4)))
    assert np.array_equal(read, np.rot90(array, -1))
    plain = tiff(tmp_path / "plain.tif", array[..., :3], extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(read_image(plain), read[..., :3])
    assert np.array_equal(read_image(plain, reading=Reading(bands=(1, 2, 3))), read[..., :3])
    grey = tiff(tmp_path / "grey.tif", values(1, 65536)[..., 0], photometric="miniswhite")
    with tifffile.TiffFile(grey) as file:
        stored = file.pages[0].asarray()
    assert np.abs(read_image(grey)[..., 0] - (65535 - stored) / 257.0).max() <= 0.5


def test_bands_of_other_files(tmp_path: Path) -> None:
    array = values(4)
    path = tmp_path / "image.png"
    Image.fromarray(array).save(path)
    assert np.array_equal(read_image(path, reading=Reading(bands=(1, 2, 3, 4))), array)
    Image.fromarray(array[..., :3]).quantize(16).save(path)
    plain = read_image(path)
    assert np.array_equal(read_image(path, reading=Reading(bands=(3, 2, 1))), plain[..., ::-1])


def test_plain_photographs_are_left_to_pillow(tmp_path: Path) -> None:
    for name, image in {
        "rgb.tif": Image.fromarray(values(3)),
        "grey.tif": Image.fromarray(values(1)[..., 0]),
        "palette.tif": Image.fromarray(values(3)).quantize(8),
        "one.tif": Image.fromarray(values(1)[..., 0]).convert("1"),
        "cmyk.tif": Image.fromarray(values(3)).convert("CMYK"),
        "rgba.png": Image.fromarray(values(4)),
        "rgb.jpg": Image.fromarray(values(3)),
    }.items():
        image.save(tmp_path / name)
        assert read_bands(tmp_path / name) is None, name
        assert read_image(tmp_path / name).shape == (20, 30, 3)


def test_a_compression_that_needs_a_package_is_named(tmp_path: Path) -> None:
    path = tiff(tmp_path / "image.tif", values(5), planarconfig="contig")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[259]
        content[tag.valueoffset : tag.valueoffset + 2] = struct.pack("<H", 50001)
    path.write_bytes(bytes(content))
    assert "`pip install imagecodecs`" in refusal(path, Reading(bands=(1, 2, 3)))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("endianness", ["little", "big"])
def test_numbers_of_any_kind_are_right_or_the_package_is_named(tmp_path: Path, dtype: str, endianness: str) -> None:
    """Where tifffile lacks the codec, Pillow stands in, as far as it is right."""
    pytest.importorskip("rasterio")
    array = (values(1, 100) + 20).astype(dtype) - (30 if dtype.startswith("i") else 0)
    path = written_tiff(tmp_path / "image.tif", array, compress="lzw", endianness=endianness, crs="EPSG:32632")
    reading = Reading(range=(-10, 245))
    try:
        assert np.array_equal(read_image(path, reading=reading)[..., 0], (array[..., 0] + 10).astype(np.uint8))
    except InputError:
        assert "`pip install imagecodecs`" in refusal(path, reading)
        assert dtype != "uint16"


def test_zstandard_is_read_or_the_package_named(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    array = values(5)
    path = written_tiff(tmp_path / "image.tif", array, compress="zstd", crs="EPSG:32632")
    reading = Reading(bands=(5, 1, 2))
    try:
        assert np.array_equal(read_image(path, reading=reading), array[..., [4, 0, 1]])
    except InputError:
        # tifffile needs a later Python for it, or the package
        assert "(COMPRESSION.ZSTD: 50000); `pip install imagecodecs`" in refusal(path, reading)


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0"])
def test_a_tiff_cut_within_its_header_is_one_line(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "cut.tif"
    for length in range(4, 8):
        path.write_bytes((start + b"\x08\0\0\0")[:length])
        assert tiff_size(path) is None
        assert read_values(path) is None
        refusal(path)
