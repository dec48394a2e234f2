"""Values of more than 8 bits become bytes as the settings say, or are refused with the setting to set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.band_pictures import as_lzw, deep_png, refusal, scaled, tiff, values
from wsss.data.images import decoded_size, read_image
from wsss.data.reading import PLAIN, Reading


@pytest.mark.parametrize("compression", [None, "zlib", "lzw by Pillow's reader"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bits_in_a_tiff_of_16_are_never_black(tmp_path: Path, compression: str | None, order: str) -> None:
    array = values(3, 4096)
    array[0, 0] = 4095
    path = tmp_path / "image.tif"
    if compression is None or compression == "zlib":
        tiff(path, array, compression=compression, byteorder=order)
    else:
        as_lzw(path, array, order)
    assert "its values end at 4095 of the 65535 of 16 bits" in refusal(path)
    assert "set data.range" in refusal(path)
    assert "[0, 4095] say" in refusal(path)
    read = read_image(path, reading=Reading(range=(0, 4095)))
    assert np.abs(read - scaled(array, 0, 4095)).max() <= 0.5
    assert np.array_equal(read_image(path, reading=Reading(range=(1000, 2000))), scaled(array, 1000, 2000))


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


def test_what_an_artifact_records() -> None:
    assert PLAIN.attributes() == {}
    for reading in (PLAIN, Reading((1, 2, 3, 4), (0.0, 4095.0), 10**8), Reading(range=(-1.0, 1.0))):
        assert Reading.of({**reading.attributes(), "other": 1}) == reading
    assert [Reading(bands=bands).channels for bands in (None, (2,), (3, 2, 1), (1, 2, 3, 4))] == [3, 3, 3, 4]
