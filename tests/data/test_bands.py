"""Photographs of more than three bands or 8 bits are read as the settings say, or refused with the setting to set."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from wsss.data.bands import PLAIN, Reading, read_bands
from wsss.data.images import decoded_size, read_image
from wsss.errors import InputError

RANDOM = np.random.default_rng(5)


def values(bands: int, top: int = 256, *, height: int = 20, width: int = 30) -> np.ndarray:
    return RANDOM.integers(0, top, (height, width, bands)).astype(np.uint8 if top <= 256 else np.uint16)


def tiff(path: Path, array: np.ndarray, **given: Any) -> Path:
    tifffile.imwrite(path, array, **{"photometric": "rgb" if array.shape[-1] in (3, 4) else "minisblack", **given})
    return path


def deep_png(path: Path, array: np.ndarray) -> Path:
    """A PNG of 16 bits of colour, which Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, {3: 2, 4: 6}[array.shape[2]], 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def refusal(path: Path, reading: Reading = PLAIN) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path, reading=reading)
    with pytest.raises(InputError) as again:
        decoded_size(path, path.read_bytes(), reading)
    text = str(caught.value)
    assert str(again.value) == text, "the index must say the same"
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text


def scaled(array: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint((array.astype(float) - low) * 255 / (high - low)).clip(0, 255)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw by Pillow's reader"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bits_in_a_tiff_of_16_are_never_black(tmp_path: Path, compression: str | None, order: str) -> None:
    array = values(3, 4096)
    array[0, 0] = 4095
    path = tmp_path / "image.tif"
    if compression is None or compression == "zlib":
        tiff(path, array, compression=compression, byteorder=order)
    else:
        _as_lzw(path, array, order)
    assert "its values end at 4095 of the 65535 of 16 bits" in refusal(path)
    assert "set data.range" in refusal(path)
    assert "[0, 4095] say" in refusal(path)
    read = read_image(path, reading=Reading(range=(0, 4095)))
    assert np.abs(read - scaled(array, 0, 4095)).max() <= 0.5
    assert np.array_equal(read_image(path, reading=Reading(range=(1000, 2000))), scaled(array, 1000, 2000))


def _as_lzw(path: Path, array: np.ndarray, order: str) -> None:
    """A strip of LZW codes without any compression, for tifffile writes none without another package."""
    data = array.astype(f"{order}u2").tobytes()
    bits, codes = [], [256]
    for start in range(0, len(data), 200):
        codes += [*data[start : start + 200], 256]
    codes.append(257)
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    strip = int(bits, 2).to_bytes(len(bits) // 8, "big")
    height, width, _ = array.shape
    tags = [(256, width), (257, height), (258, None), (259, 5), (262, 2), (273, 8), (277, 3), (278, height)]
    tags.append((279, len(strip)))
    where = 8 + len(strip) + len(strip) % 2
    depths = where + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, value in tags:
        kind, count, held = (3, 3, depths) if value is None else (4, 1, value)
        entries += struct.pack(f"{order}HHII", tag, kind, count, held)
    content = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, where) + strip
    content += b"\0" * (len(strip) % 2) + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0)
    path.write_bytes(content + struct.pack(f"{order}HHH", 16, 16, 16))


def test_sixteen_bits_that_are_used_need_no_setting(tmp_path: Path) -> None:
    array = values(3, 65536)
    for path in (tiff(tmp_path / "a.tif", array), deep_png(tmp_path / "a.png", array)):
        assert np.abs(read_image(path) - array / 257).max() <= 0.5
        assert read_image(path, max_side=15).shape == (10, 15, 3)
        assert decoded_size(path) == (20, 30)


def test_twelve_bits_in_a_png_are_never_black(tmp_path: Path) -> None:
    array = values(3, 4096)
    path = deep_png(tmp_path / "image.png", array)
    assert "nearly black; set data.range" in refusal(path)
    assert np.abs(read_image(path, reading=Reading(range=(0, 4095))) - scaled(array, 0, 4095)).max() <= 0.5
    grey = tmp_path / "grey.png"
    Image.fromarray(array[..., 0]).save(grey)
    assert "nearly black; set data.range" in refusal(grey)
    read = read_image(grey, reading=Reading(range=(0, 4095)))
    assert np.abs(read - scaled(array[..., :1], 0, 4095)).max() <= 0.5


def test_a_fourth_band_that_nothing_names_is_never_dropped(tmp_path: Path) -> None:
    array = values(4)
    path = tiff(tmp_path / "image.tif", array, extrasamples=["unspecified"])
    assert "has 4 bands; say by data.bands which of them networks see" in refusal(path)
    assert np.array_equal(read_image(path, reading=Reading(bands=(1, 2, 3))), array[..., :3])
    assert np.array_equal(read_image(path, reading=Reading(bands=(4, 3, 2))), array[..., [3, 2, 1]])
    assert np.array_equal(read_image(path, reading=Reading(bands=(1, 2, 3, 4))), array)
    assert np.array_equal(read_image(path, reading=Reading(bands=(4,))), array[..., [3, 3, 3]])


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_a_fourth_band_called_transparency_is_never_white(tmp_path: Path, kind: str) -> None:
    array = values(4)
    array[..., 3] = 0
    path = tiff(tmp_path / "image.tif", array, extrasamples=[kind])
    assert "band 4 is marked as transparency, but is 0 everywhere; set data.bands to [1, 2, 3] to" in refusal(path)
    array[..., 3] = np.arange(30)
    tiff(path, array, extrasamples=[kind])
    assert "its values are neither 0 nor full alone; set data.bands" in refusal(path)
    assert np.array_equal(read_image(path, reading=Reading(bands=(1, 2, 3, 4))), array)


def test_a_transparency_that_is_a_mask_shows_white(tmp_path: Path) -> None:
    for top in (256, 65536):
        array = values(4, top)
        array[..., 3] = top - 1
        array[:5, :, 3] = 0
        read = read_image(tiff(tmp_path / "image.tif", array, extrasamples=["unassalpha"]))
        assert (read[:5] == 255).all()
        assert np.abs(read[5:] - array[5:, :, :3] * (255 / (top - 1))).max() <= 0.5


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


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.int16])
def test_other_numbers_need_a_range(tmp_path: Path, kind: type) -> None:
    array = np.linspace(-1000, 1000, 600).reshape(20, 30, 1).repeat(3, 2).astype(kind)
    path = tiff(tmp_path / "image.tif", array)
    assert "set data.range to the values that stand for black and white" in refusal(path)
    read = read_image(path, reading=Reading(range=(-1000, 1000)))
    assert np.abs(read - scaled(array, -1000, 1000)).max() <= 0.5
    if kind is np.float32:
        array[3, 4] = np.nan
        tiff(path, array)
        assert read_image(path, reading=Reading(range=(-1000, 1000)))[3, 4].tolist() == [0, 0, 0]


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


def test_settings_that_do_not_fit_the_file(tmp_path: Path) -> None:
    path = tiff(tmp_path / "image.tif", values(3))
    assert "has 3 bands, but data.bands names band 4" in refusal(path, Reading(bands=(4, 3, 2)))
    assert "holds 8 bits, but data.range ends at 4095" in refusal(path, Reading(range=(0, 4095)))
    jpeg = tmp_path / "image.jpg"
    Image.fromarray(values(3)).save(jpeg)
    assert "has 3 bands, but data.bands names band 4" in refusal(jpeg, Reading(bands=(1, 2, 3, 4)))


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


def test_large_ones_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tiff(tmp_path / "image.tif", values(3, 65536))
    assert "30 x 20 pixels are more than the 500 that are allowed" in refusal(path, Reading(max_pixels=500))


def test_what_an_artifact_records() -> None:
    assert PLAIN.attributes() == {}
    for reading in (PLAIN, Reading((1, 2, 3, 4), (0.0, 4095.0), 10**8), Reading(range=(-1.0, 1.0))):
        assert Reading.of({**reading.attributes(), "other": 1}) == reading
    assert [Reading(bands=bands).channels for bands in (None, (2,), (3, 2, 1), (1, 2, 3, 4))] == [3, 3, 3, 4]
