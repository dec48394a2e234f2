from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss.data import images
from wsss.data.images import bounded_size, read_image, read_map, read_mask, resize_image, resize_labels, resize_map
from wsss.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# as a person sees it; corners that no two orientations share
UPRIGHT = np.array([[RED, RED, GREEN], [BLUE, WHITE, WHITE]], np.uint8)


def message(path: Path, read=read_image) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def grey_png(path: Path, bits: int, rows: list[list[int]]) -> None:
    """A grey PNG of 1, 2, 4 or 16 bits, which Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packed = b""
    for row in rows:
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        packed += b"\0" + bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), bits, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


# what a camera stores for each orientation: the inverse of what a viewer does
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT, 1),
    7: np.rot90(UPRIGHT, 2).transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image.png"
    Image.fromarray(np.ascontiguousarray(STORED[orientation])).save(path, exif=exif)
    assert np.array_equal(read_image(path), UPRIGHT)
    assert images.decoded_size(path) == (2, 3)


def test_a_turned_jpeg_is_scaled_down_to_the_right_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "image.jpg"
    Image.new("RGB", (900, 300), RED).save(path, exif=exif)
    assert read_image(path).shape == (900, 300, 3)
    assert read_image(path, max_side=100).shape == (100, 33, 3)
    assert read_image(path, max_side=900).shape == (900, 300, 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    Image.new("RGB", (8, 4), RED).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    assert read_image(path).shape == (4, 8, 3)


def test_modes_become_rgb(tmp_path: Path) -> None:
    def saved(image: Image.Image, name: str = "image.png") -> list[int]:
        image.save(tmp_path / name)
        array = read_image(tmp_path / name)
        assert array.shape == (2, 3, 3)
        assert array.dtype == np.uint8
        assert array.flags.writeable
        return array[0, 0].tolist()

    size = (3, 2)
    assert saved(Image.new("L", size, 70)) == [70, 70, 70]
    assert saved(Image.new("1", size, 1)) == [255, 255, 255]
    assert saved(Image.new("RGBA", size, (200, 100, 0, 255))) == [200, 100, 0]
    assert saved(Image.new("RGBA", size, (0, 0, 0, 0))) == [255, 255, 255]
    assert saved(Image.new("RGBA", size, (0, 0, 0, 51))) == [204, 204, 204]
    assert saved(Image.new("LA", size, (10, 0))) == [255, 255, 255]
    assert saved(Image.new("RGB", size, RED).quantize(4)) == [255, 0, 0]
    assert saved(Image.fromarray(np.full((2, 3), 0xFFFF, np.uint16))) == [255, 255, 255]
    assert saved(Image.fromarray(np.full((2, 3), 257 * 90, np.uint16))) == [90, 90, 90]
    assert saved(Image.new("CMYK", size, (0, 255, 255, 0)), "image.tif") == [255, 0, 0]
    assert saved(Image.new("RGB", size, RED), "image.webp")[0] > 200
    palette = Image.new("P", size, 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert saved(palette) == [10, 20, 30]
    palette.save(tmp_path / "clear.png", transparency=1)
    assert read_image(tmp_path / "clear.png")[0, 0].tolist() == [255, 255, 255]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path)
    assert np.abs(read_image(path)[8, 8].astype(int) - RED).max() < 8


def test_one_pixel(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (1, 1), RED).save(path)
    assert read_image(path, max_side=32).tolist() == [[list(RED)]]


@pytest.mark.parametrize("name", ["image.jpg", "image.png", "image.webp", "image.gif", "image.bmp"])
def test_truncated(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged" in message(path) or "not an image" in message(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    assert "no such image file" in message(path)
    path.write_bytes(b"")
    assert "not an image" in message(path)
    path.write_text("<html>not found</html>")
    assert "not an image" in message(path)
    assert "is a folder, not an image file" in message(tmp_path)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(np.zeros((2, 2), np.float32)).save(path)
    assert "floating point" in message(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb(tmp_path: Path) -> None:
    for side in (8000, 8001, 9600, 20000):
        path = tmp_path / f"{side}.png"
        Image.new("1", (side, side)).save(path)
        if side == 8000:
            assert images.decoded_size(path) == (8000, 8000)
        else:
            assert "scale the image down" in message(path)


def test_pillow_writes_nothing_beside_the_one_line(tmp_path: Path) -> None:
    Image.new("1", (9600, 9600)).save(tmp_path / "large.png")
    Image.new("RGB", (8, 4), RED).save(tmp_path / "exif.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    code = """
import sys
from wsss.data.images import read_image
from wsss.errors import InputError
for path in sys.argv[1:]:
    try:
        read_image(path)
    except InputError:
        pass
"""
    command = [sys.executable, "-c", code, str(tmp_path / "large.png"), str(tmp_path / "exif.jpg")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""


def test_mask_is_the_palette_index(tmp_path: Path) -> None:
    values = np.array([[0, 1, 20], [255, 7, 0]], np.uint8)
    mask = Image.fromarray(values)
    mask.save(tmp_path / "grey.png")
    mask.putpalette([channel for i in range(256) for channel in (255 - i, i, 128)])
    mask.save(tmp_path / "indexed.png")
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "deep.png")
    for name in ("grey", "indexed", "deep"):
        read = read_mask(tmp_path / f"{name}.png")
        assert read.dtype == np.uint8
        assert np.array_equal(read, values), name


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_masks_of_few_bits_keep_their_numbers(tmp_path: Path, bits: int) -> None:
    rows = [[0, 1, 2**bits - 1], [1, 0, 1]]
    grey_png(tmp_path / "mask.png", bits, rows)
    assert read_mask(tmp_path / "mask.png").tolist() == rows


def test_masks_that_hold_no_class_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(UPRIGHT).save(path)
    assert "colours (mode RGB)" in message(path, read_mask)
    Image.fromarray(UPRIGHT).convert("RGBA").save(path)
    assert "colours (mode RGBA)" in message(path, read_mask)
    Image.fromarray(np.full((2, 2), 300, np.uint16)).save(path)
    assert "300" in message(path, read_mask)


def test_map_is_grey(tmp_path: Path) -> None:
    values = np.array([[0, 128, 255]], np.uint8)
    grey = Image.fromarray(values)
    for name, image in {
        "grey": grey,
        "rgb": grey.convert("RGB"),
        "alpha": Image.merge("LA", (grey, Image.new("L", (3, 1), 0))),
        "palette": grey.convert("RGB").quantize(8),
        "deep": Image.fromarray(values.astype(np.uint16) * 257),
    }.items():
        image.save(tmp_path / f"{name}.png")
        assert np.array_equal(read_map(tmp_path / f"{name}.png"), values), name
    grey_png(tmp_path / "bits.png", 4, [[0, 15, 5]])
    assert read_map(tmp_path / "bits.png").tolist() == [[0, 255, 85]]


def test_bounded_size() -> None:
    assert bounded_size((300, 400), 400) == (300, 400)
    assert bounded_size((300, 400), 200) == (150, 200)
    assert bounded_size((8000, 1), 1024) == (1024, 1)


def test_resizing() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    small = resize_map(stripes, (8, 8))
    assert small.dtype == np.uint8
    assert np.abs(small[:, 1:-1].astype(int) - 128).max() <= 2, "shrinking must average, not pick"
    planes = np.stack([stripes, 255 - stripes]).astype(np.float16)
    resized = resize_map(planes, (16, 8))
    assert resized.shape == (2, 16, 8)
    assert resized.dtype == np.float32
    assert np.allclose(resized.sum(0), 255)
    assert resize_map(np.zeros((0, 4, 4), np.float32), (2, 3)).shape == (0, 2, 3)
    assert resize_image(UPRIGHT, (5, 7)).shape == (5, 7, 3)
    labels = np.array([[3, 255], [0, 9]], np.uint8)
    assert np.array_equal(resize_labels(labels, (4, 6)), labels.repeat(2, 0).repeat(3, 1))
