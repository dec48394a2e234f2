from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.band_pictures import RANDOM, deep_png, tiff, values
from wsss.data.images import read_image
from wsss.data.looks import look_at
from wsss.data.reading import Reading
from wsss.errors import InputError


def readable(paths: list[Path], settings: dict) -> bool:
    """Whether the reader takes all of them with the settings that were found."""
    return all(read_image(path, reading=Reading(**settings)).shape[2] >= 3 for path in paths)


def test_plain_photographs_need_nothing(tmp_path: Path) -> None:
    names = {"a.jpg": Image.fromarray(values(3)), "b.png": Image.fromarray(values(1)[..., 0])}
    for name, image in names.items():
        image.save(tmp_path / name)
    found = look_at([tmp_path / name for name in names])
    assert (found.sizes, found.settings, found.odd) == ([(20, 30)] * 2, {}, [])


def test_twelve_bits_get_a_range_and_sixteen_none(tmp_path: Path) -> None:
    array = values(3, 4096)
    array[0, 0] = 4000
    paths = [tiff(tmp_path / "a.tif", array), deep_png(tmp_path / "b.png", values(3, 900))]
    found = look_at(paths)
    assert found.settings == {"range": (0.0, 4095.0)}
    assert readable(paths, found.settings)
    (line,) = found.odd
    assert line.startswith("pixels are uint16, ")
    assert "in those looked at: data.range below says which stand for black and white" in line
    whole = tiff(tmp_path / "c.tif", values(3, 65536))
    assert look_at([whole]).settings == {}
    # of the same camera, one that is dark, one that is not
    assert look_at([whole, paths[1]]).settings == {"range": (0.0, 65535.0)}


def test_bytes_beside_sixteen_bits_are_named(tmp_path: Path) -> None:
    Image.fromarray(values(3)).save(tmp_path / "b.jpg")
    found = look_at([tiff(tmp_path / "a.tif", values(3, 4096)), tmp_path / "b.jpg"])
    assert "1 photographs of 8 bits beside them: no range reads both; leave one kind out, or convert it" in found.odd


def test_floating_point_numbers_get_their_ends(tmp_path: Path) -> None:
    array = np.linspace(-0.5, 1.5, 1800).reshape(20, 30, 3).astype(np.float32)
    array[5, 5] = np.nan
    path = tiff(tmp_path / "a.tif", array)
    found = look_at([path])
    assert found.settings == {"range": (-0.5, 1.5)}
    assert readable([path], found.settings)


@pytest.mark.parametrize(("value", "held"), [(3.5, "all 3.5"), (np.nan, "none of them finite")])
def test_floating_point_numbers_without_ends_get_no_range(tmp_path: Path, value: float, held: str) -> None:
    path = tiff(tmp_path / "a.tif", np.full((20, 30, 3), value, np.float32))
    found = look_at([path])
    assert found.settings == {}
    assert found.odd == [
        f"pixels are float32, {held} in those looked at: set data.range to what stands for black and white"
    ]
    # beside one that has ends, these count
    other = tiff(tmp_path / "b.tif", np.linspace(3, 5, 1800).reshape(20, 30, 3).astype(np.float32))
    assert look_at([path, other]).settings == {"range": (3.0, 5.0)}


def test_a_band_beyond_the_range_of_the_first_three_is_named(tmp_path: Path) -> None:
    array = values(4, 4096)
    array[0, 0, 0], array[..., 3] = 4000, 200
    found = look_at([tiff(tmp_path / "a.tif", array, planarconfig="contig")])
    assert found.settings == {"bands": (1, 2, 3), "range": (0.0, 4095.0)}
    assert not any("It is that of the first three" in line for line in found.odd)
    array[..., 3] = RANDOM.integers(5000, 9001, (20, 30))
    array[0, 0, 1:] = 0, 0, 9000
    found = look_at([tiff(tmp_path / "b.tif", array, planarconfig="contig")])
    assert found.settings == {"bands": (1, 2, 3), "range": (0.0, 4095.0)}
    assert found.odd[-1].endswith(
        "correct it if you know better. It is that of the first three bands; all hold 0 to 9000: widen it if you name "
        "others"
    )


def test_five_bands_get_the_first_three(tmp_path: Path) -> None:
    paths = [
        tiff(tmp_path / "a.tif", values(5), planarconfig="contig"),
        tiff(tmp_path / "b.tif", values(5), planarconfig="contig"),
    ]
    found = look_at(paths)
    assert found.settings == {"bands": (1, 2, 3)}
    assert readable(paths, found.settings)
    (line,) = found.odd
    assert line.startswith("photographs of 5 bands: data.bands below takes the first three")
    assert "[1, 2, 3, 4, 5] to show networks all" in line
    deep = tiff(tmp_path / "c.tif", values(5, 4096), planarconfig="contig")
    assert look_at([deep]).settings == {"bands": (1, 2, 3), "range": (0.0, 4095.0)}
    assert readable([deep], look_at([deep]).settings)


def test_grey_beside_five_bands_is_named_and_nothing_set(tmp_path: Path) -> None:
    Image.fromarray(values(1)[..., 0]).save(tmp_path / "grey.png")
    found = look_at([tiff(tmp_path / "a.tif", values(5), planarconfig="contig"), tmp_path / "grey.png"])
    assert found.settings == {}
    assert found.odd[0].startswith("photographs of 1 and 5 bands: no setting reads them all")


def test_transparency_that_is_a_mask_needs_nothing(tmp_path: Path) -> None:
    array = values(4)
    array[..., 3] = 255
    array[:5, :, 3] = 0
    assert look_at([tiff(tmp_path / "a.tif", array, extrasamples=["unassalpha"])]).settings == {}
    array[..., 3] = 0
    assert look_at([tiff(tmp_path / "a.tif", array, extrasamples=["unassalpha"])]).settings == {"bands": (1, 2, 3)}


def test_cmyk_and_a_turned_photograph_are_seen_as_they_are_read(tmp_path: Path) -> None:
    Image.fromarray(values(3)).convert("CMYK").save(tmp_path / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values(3)).save(tmp_path / "turned.jpg", exif=exif)
    found = look_at([tmp_path / "cmyk.jpg", tmp_path / "turned.jpg"])
    assert found.sizes == [(20, 30), (30, 20)]
    assert found.settings == {}
    assert found.odd == ["of 2 photographs looked at, 1 of mode CMYK: see how they look in `wsss view`"]


def test_a_truncated_photograph_is_named_as_the_index_will(tmp_path: Path) -> None:
    Image.fromarray(values(3, height=200, width=300)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2000])
    found = look_at([tmp_path / "a.jpg"])
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / "a.jpg")
    assert found.odd == [str(caught.value)]
    assert found.sizes == []


def test_large_ones_are_allowed_and_not_all_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(values(3)).save(path)
    monkeypatch.setattr("wsss.data.looks.MAX_PIXELS", 500)
    monkeypatch.setattr("wsss.data.looks.DECODED", 1300)
    found = look_at(paths)
    assert found.settings == {"max_pixels": 10_000_000}
    assert found.sizes == [(20, 30)] * 3
    assert "1 of 3 photographs were not decoded, to save time: `index` will" in found.odd
    # a small budget is left for a small one
    Image.fromarray(values(3)[:3, :3]).save(paths[2])
    assert not any("not decoded" in line for line in look_at(paths).odd)
