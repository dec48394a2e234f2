"""Masks in TIFFs: right to the pixel, or refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.data.geotiffs import written_tiff
from wsss.data.images import read_mask
from wsss.errors import InputError

LABELS = np.random.default_rng(1).choice(np.array([0, 1, 7, 255], np.uint8), (300, 420))
NODATA = 42113


def tagged(path: Path, values: np.ndarray, nodata: str = "", **given: Any) -> Path:
    """A TIFF with GDAL's tag of nodata, made without rasterio."""
    tags = [(NODATA, "s", len(nodata) + 1, nodata, True)] if nodata else []
    tifffile.imwrite(path, values, extratags=tags, **{"photometric": "minisblack", **given})
    return path


def line(path: Path, **given: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_mask(path, **given)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    # the index has read the bytes already
    with pytest.raises(InputError) as again:
        read_mask(path, path.read_bytes(), **given)
    assert str(again.value) == str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32"])
@pytest.mark.parametrize(
    "layout", [{}, {"compression": "zlib", "tile": (64, 64)}, {"byteorder": ">"}, {"bigtiff": True}]
)
def test_class_numbers_are_read_as_they_are(tmp_path: Path, dtype: str, layout: dict[str, Any]):
    path = tagged(tmp_path / "a.tif", LABELS.astype(dtype), **layout)
    for mask in (read_mask(path), read_mask(path, path.read_bytes())):
        assert mask.dtype == np.uint8
        assert np.array_equal(mask, LABELS)


def test_indices_of_a_palette_are_class_numbers(tmp_path: Path):
    # colours that are no class numbers, as in VOC
    colours = np.random.default_rng(2).integers(0, 65536, (3, 256), np.uint16)
    assert np.array_equal(
        read_mask(tagged(tmp_path / "a.tif", LABELS, photometric="palette", colormap=colours)), LABELS
    )


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_what_pillow_compresses_by_lzw_is_read(tmp_path: Path, mode: str):
    picture = Image.fromarray(LABELS.astype(np.uint16) if mode == "I;16" else LABELS)
    if mode == "P":
        picture.putpalette(list(range(255, -1, -1)) * 3)
    picture.save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_mask(tmp_path / "a.tif"), LABELS)


@pytest.mark.parametrize(
    ("dtype", "nodata"), [("uint8", "200"), ("uint16", "65535"), ("int16", "-9999"), ("int8", "-1"), ("int32", "-1.0")]
)
def test_pixels_of_nodata_are_ignored(tmp_path: Path, dtype: str, nodata: str):
    values = np.where(LABELS == 255, 100, LABELS).astype(dtype)
    values[:9] = np.array(float(nodata)).astype(dtype)
    mask = read_mask(tagged(tmp_path / "a.tif", values, nodata))
    assert (mask[:9] == 255).all()
    assert np.array_equal(mask[9:], values[9:])


def test_nodata_that_no_pixel_has_changes_nothing(tmp_path: Path):
    for nodata in ("255", "nan", "-3.4e38"):
        assert np.array_equal(read_mask(tagged(tmp_path / "a.tif", LABELS, nodata)), LABELS)
    assert "its nodata value 'none' is no number" in line(tagged(tmp_path / "a.tif", LABELS, "none"))


def test_nodata_of_0_is_refused_where_0_is_background_and_ignored_where_there_is_none(tmp_path: Path):
    path = tagged(tmp_path / "a.tif", LABELS, "0")
    assert "its nodata value is 0, which is background" in line(path)
    assert np.array_equal(read_mask(path, background=False), np.where(LABELS == 0, 255, LABELS))
    objects = np.maximum(LABELS, 1)
    assert np.array_equal(read_mask(tagged(tmp_path / "b.tif", objects, "0")), objects)


def test_a_mask_that_lies_turned_in_its_file_is_read_as_its_photograph_is(tmp_path: Path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LABELS, photometric="minisblack", extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(read_mask(path), np.rot90(LABELS, -1))


@pytest.mark.parametrize(
    ("values", "given", "message"),
    [
        (LABELS.astype(np.float32), {}, "holds floating point numbers"),
        (LABELS.astype(np.float64), {}, "holds floating point numbers"),
        (np.dstack([LABELS] * 2), {"planarconfig": "contig"}, "has 2 bands"),
        (np.dstack([LABELS] * 3), {"photometric": "rgb"}, "has 3 bands"),
        (np.stack([LABELS] * 5), {"planarconfig": "separate"}, "has 5 bands"),
        (np.stack([LABELS] * 2), {}, "holds several images"),
        (LABELS, {"photometric": "miniswhite"}, "is of the kind MINISWHITE"),
        (LABELS > 0, {}, "has 1 bits a pixel"),
        (LABELS.astype(np.uint16) + 1, {}, "holds the value 256, but class numbers are 0 to 255"),
        (LABELS.astype(np.int16) - 1, {}, "holds the value -1, but class numbers are 0 to 255"),
    ],
)
def test_what_is_no_mask_of_class_numbers_is_refused(
    tmp_path: Path, values: np.ndarray, given: dict[str, Any], message: str
):
    assert message in line(tagged(tmp_path / "a.tif", values, **given))


def test_smaller_copies_are_left_out_and_masks_of_valid_pixels_refused(tmp_path: Path):
    for bits, values, kind in ((1, LABELS[::2, ::2], "minisblack"), (4, LABELS == 7, "mask")):
        with tifffile.TiffWriter(tmp_path / ("copies.tif" if bits == 1 else "valid.tif")) as file:
            file.write(LABELS, photometric="minisblack")
            file.write(values, photometric=kind, subfiletype=bits)
    assert np.array_equal(read_mask(tmp_path / "copies.tif"), LABELS)
    assert "another one of valid pixels" in line(tmp_path / "valid.tif")
    (tmp_path / "copies.tif.msk").touch()
    assert "another one of valid pixels" in line(tmp_path / "copies.tif")


def test_nodata_in_a_file_beside_it_is_refused(tmp_path: Path):
    path, beside = tagged(tmp_path / "a.tif", LABELS), tmp_path / "a.tif.aux.xml"
    beside.write_text("<PAMDataset><PAMRasterBand band='1'><Histograms/></PAMRasterBand></PAMDataset>")
    assert np.array_equal(read_mask(path), LABELS)
    beside.write_text("<PAMDataset><PAMRasterBand band='1'><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>")
    assert "a.tif.aux.xml, which is not read" in line(path)
    beside.unlink()
    os.mkfifo(beside)
    with pytest.raises(InputError, match=r"aux.xml: is a pipe"):
        read_mask(path)


@pytest.mark.parametrize("layout", [{}, {"rowsperstrip": 7}, {"compression": "zlib", "tile": (64, 64)}])
def test_a_mask_that_is_cut_is_refused_wherever_it_ends(tmp_path: Path, layout: dict[str, Any]):
    whole = tagged(tmp_path / "a.tif", LABELS, **layout).read_bytes()
    for end in np.linspace(4, len(whole) - 1, 60).astype(int).tolist():
        path = tmp_path / "cut.tif"
        path.write_bytes(whole[:end])
        assert "cut.tif: damaged" in line(path) or "not an image" in line(path)


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (278, 0, "damaged or unsupported image"),  # rows per strip
        (278, 3, "parts of it are missing"),
        (256, 500, "damaged or unsupported image"),  # width
        (258, 24, "has 24 bits a pixel"),
        (277, 4, "has 4 bands"),
    ],
)
def test_numbers_of_the_header_that_cannot_be_are_one_line(tmp_path: Path, tag: int, value: int, message: str):
    path = tagged(tmp_path / "a.tif", LABELS, rowsperstrip=7)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[tag].valueoffset
    content[place : place + 2] = value.to_bytes(2, "little")
    path.write_bytes(bytes(content))
    assert message in line(path)


def test_a_mask_that_claims_to_be_too_large_is_refused(tmp_path: Path):
    assert "are more than the 100 that are allowed" in line(tagged(tmp_path / "a.tif", LABELS), most=100)


def test_a_mask_that_jpeg_has_changed_is_refused(tmp_path: Path):
    Image.fromarray(LABELS).save(tmp_path / "a.tif", compression="jpeg")
    assert "compressed by JPEG, which changes class numbers" in line(tmp_path / "a.tif")


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(
    "given",
    [
        {"compress": "deflate", "tiled": True, "blockxsize": 64, "blockysize": 64},
        {"compress": "lzw"},
        {"compress": "lzw", "predictor": 2},
        {"compress": "packbits"},
        {"compress": "zstd"},
        {"interleave": "band"},
        {"compress": "lzw", "endianness": "big"},
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int16", "int32", "uint32"])
def test_what_gdal_writes_is_read_as_it_reads_it(tmp_path: Path, given: dict[str, Any], dtype: str):
    rasterio = pytest.importorskip("rasterio")
    path, values = tmp_path / "a.tif", np.where(LABELS == 255, 9, LABELS).astype(dtype)
    if dtype == "int8":
        values[0, :9] = -1
    nodata = -1 if dtype == "int8" else 7
    written_tiff(path, values[..., None], crs="EPSG:32632", nodata=nodata, **given)
    with rasterio.open(path) as file:
        assert np.array_equal(file.read(1), values)
    try:
        mask = read_mask(path)
    except InputError as error:
        # what needs a package that is not there is said, and nothing is guessed
        assert "pip install imagecodecs" in str(error)
        assert given["compress"] in ("lzw", "zstd")
        return
    assert np.array_equal(mask, np.where(values == nodata, 255, values.astype(np.int64)))


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize("compress", ["none", "deflate", "lzw"])
def test_a_mask_with_parts_that_nobody_wrote_is_refused(tmp_path: Path, compress: str):
    rasterio = pytest.importorskip("rasterio")
    shape = {"height": 300, "width": 420, "count": 1, "dtype": "uint8", "nodata": 7}
    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64, "sparse_ok": True, "compress": compress}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **layout) as file:
        file.write(LABELS[64:], 1, window=rasterio.windows.Window(0, 64, 420, 236))
    assert "parts that were never written" in line(tmp_path / "a.tif")
