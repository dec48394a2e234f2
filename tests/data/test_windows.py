from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from wsss.data.images import image_size, read_image, resize_image
from wsss.data.reading import Reading
from wsss.data.windows import Photograph
from wsss.errors import InputError

PIXELS = np.random.default_rng(1).integers(0, 256, (90, 130, 3), np.uint8)


@pytest.mark.parametrize("of", [(90, 130), (96, 128), (64, 64), (30, 45)])
def test_a_window_is_a_part_of_the_resized_whole(tmp_path: Path, of: tuple[int, int]) -> None:
    Image.fromarray(PIXELS).resize((130, 90)).save(tmp_path / "image.png")
    photograph = Photograph(tmp_path / "image.png")
    assert photograph.size == (90, 130)
    whole = resize_image(PIXELS, of).astype(int)
    assert np.array_equal(photograph.window((0, of[0]), (0, of[1]), of), whole)
    rows, columns = (5, of[0] - 3), (7, of[1])
    part = photograph.window(rows, columns, of).astype(int)
    expected = whole[rows[0] : rows[1], columns[0] : columns[1]]
    # the filter sees nothing beyond the borders of a part
    assert np.abs(part - expected)[4:-4, 4:-4].max() <= 1
    assert part.shape == expected.shape


def test_all_bands_are_seen_upright(tmp_path: Path) -> None:
    deep = np.dstack([PIXELS, PIXELS[..., :2]])
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, deep, photometric="rgb", planarconfig="contig", extratags=[(274, "H", 1, 6, True)])
    reading = Reading(bands=(1, 2, 3, 4, 5))
    whole = read_image(path, reading=reading)
    assert np.array_equal(Photograph(path, reading).window((10, 40), (0, 60), (130, 90)), whole[10:40, :60])
    assert np.array_equal(np.asarray(Photograph(path, reading).colours), whole[..., :3])
    assert image_size(path, reading) == (130, 90) == whole.shape[:2]


def test_the_size_is_known_without_decoding(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(tmp_path / "image.jpg", exif=exif)
    # half a file says its size, but cannot be decoded
    content = (tmp_path / "image.jpg").read_bytes()
    (tmp_path / "image.jpg").write_bytes(content[: len(content) // 2])
    assert image_size(tmp_path / "image.jpg") == (130, 90)
    with pytest.raises(InputError, match="damaged"):
        Photograph(tmp_path / "image.jpg")
    with pytest.raises(InputError, match="130 x 90 pixels are more than the 100 that are allowed"):
        image_size(tmp_path / "image.jpg", Reading(max_pixels=100))
