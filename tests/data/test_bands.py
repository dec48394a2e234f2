"""Photographs of more than three bands are read as the settings say, or refused with the setting to set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.band_pictures import refusal, tiff, values
from wsss.data.images import read_image
from wsss.data.reading import Reading


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


def test_settings_that_do_not_fit_the_file(tmp_path: Path) -> None:
    path = tiff(tmp_path / "image.tif", values(3))
    assert "has 3 bands, but data.bands names band 4" in refusal(path, Reading(bands=(4, 3, 2)))
    assert "holds 8 bits, but data.range ends at 4095" in refusal(path, Reading(range=(0, 4095)))
    jpeg = tmp_path / "image.jpg"
    Image.fromarray(values(3)).save(jpeg)
    assert "has 3 bands, but data.bands names band 4" in refusal(jpeg, Reading(bands=(1, 2, 3, 4)))


def test_large_ones_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tiff(tmp_path / "image.tif", values(3, 65536))
    assert "30 x 20 pixels are more than the 500 that are allowed" in refusal(path, Reading(max_pixels=500))
