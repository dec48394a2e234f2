from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.data.geotiffs import ORIGIN, PIXEL, latin_tiff, tagged_tiff, written_tiff
from wsss.data.georeference import Georeference, georeferences, geotiff, is_placed, read_georeference
from wsss.data.images import read_image, read_mask
from wsss.errors import InputError
from wsss.ops.palette import voc_palette

PIXELS = np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8)
LABELS = np.random.default_rng(1).choice(np.array([0, 1, 7, 255], np.uint8), (300, 420))


def written(place: Georeference, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path.write_bytes(geotiff(LABELS, place, voc_palette()))
    return path


def test_a_mask_lies_where_its_photograph_does(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    place = read_georeference(tagged_tiff(tmp_path / "photo.tif", PIXELS))
    assert place is not None
    path = written(place, tmp_path / "mask.tif")
    with rasterio.open(tmp_path / "photo.tif") as photo, rasterio.open(path) as mask:
        assert mask.crs == photo.crs == rasterio.CRS.from_epsg(32632)
        assert mask.transform == photo.transform
        assert (mask.xy(0, 0), mask.bounds) == (photo.xy(0, 0), photo.bounds)
        assert mask.bounds.left == ORIGIN[0]
        assert mask.bounds.right == ORIGIN[0] + 420 * PIXEL
        assert (mask.count, mask.dtypes, mask.nodata) == (1, ("uint8",), 255)
        assert mask.compression.value == "DEFLATE"
        assert mask.block_shapes == [(256, 256)]
        assert np.array_equal(mask.read(1), LABELS)
        assert [mask.colormap(1)[value][:3] for value in range(256)] == [tuple(row) for row in voc_palette().tolist()]
    # our own reader of masks takes it, and so does whatever reads indexed TIFFs
    assert np.array_equal(read_mask(path), LABELS)
    with Image.open(path) as image:
        assert image.mode == "P"


def test_ground_control_points_and_rpcs_are_kept(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    from rasterio.control import GroundControlPoint
    from rasterio.rpc import RPC

    corners = [(0, 0, 10.0, 50.0), (0, 420, 10.1, 50.0), (300, 0, 10.0, 49.9), (300, 420, 10.1, 49.91)]
    points = [GroundControlPoint(row, column, x, y) for row, column, x, y in corners]
    terms = {
        f"{name}_coeff": [float(i) for i in range(20)] for name in ("line_num", "line_den", "samp_num", "samp_den")
    }
    places = {f"{name}_{kind}": 2.0 for name in ("height", "lat", "line", "long", "samp") for kind in ("off", "scale")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written_tiff(tmp_path / "points.tif", PIXELS, points=(points, rasterio.CRS.from_epsg(4326)))
        written_tiff(tmp_path / "rpcs.tif", PIXELS, rpcs=RPC(**terms, **places))
        found = georeferences({name: tmp_path / f"{name}.tif" for name in ("points", "rpcs")})
        with rasterio.open(written(found["points"], tmp_path / "a.tif")) as mask:
            kept, crs = mask.gcps
            assert [(point.row, point.col, point.x, point.y) for point in kept] == corners
            assert crs == rasterio.CRS.from_epsg(4326)
        with rasterio.open(written(found["rpcs"], tmp_path / "b.tif")) as mask:
            assert mask.rpcs == found["rpcs"].rpcs
            assert mask.rpcs.line_num_coeff == terms["line_num_coeff"]
            assert mask.rpcs.lat_off == 2.0


def test_a_place_is_told_in_words() -> None:
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import Affine

    # turned by a quarter: what runs along a row goes north
    turned = Affine(0, 2, 10, 0.5, 0, 50)
    degrees = Georeference(rasterio.CRS.from_epsg(4326), turned, size=(3, 4))
    assert degrees.in_words() == "EPSG:4326, pixels of 0.5 x 2 degree, from 10, 50 to 16, 52"
    own = rasterio.CRS.from_proj4("+proj=tmerc +lon_0=9.1 +ellps=GRS80 +units=m")
    assert (
        Georeference(own, Affine(2, 0, 0, 0, -2, 0), size=(1, 1))
        .in_words()
        .endswith(", pixels of 2 x 2 metre, from 0, -2 to 2, 0")
    )
    assert Georeference(None, Affine(2, 0, 0, 0, -2, 0), size=(1, 1)).in_words() == (
        "no reference system, pixels of 2 x 2, from 0, -2 to 2, 0"
    )
    assert Georeference(None, points=(1, 2, 3), size=(1, 1)).in_words().endswith("by 3 ground control points")
    assert Georeference(None, rpcs=1, size=(1, 1)).in_words().endswith("by RPCs")


def test_a_mask_of_another_size_than_its_photograph_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    place = read_georeference(tagged_tiff(tmp_path / "photo.tif", PIXELS))
    assert place is not None
    with pytest.raises(
        InputError, match=r"photo\.tif: is of 300 x 420 pixels and its label map of 150 x 420, so .*; restore the photo"
    ):
        geotiff(LABELS[::2], place, voc_palette())


def test_damaged_headers_end_without_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rasterio")
    whole, random = tagged_tiff(tmp_path / "whole.tif", PIXELS).read_bytes(), np.random.default_rng(0)
    outcomes = set()
    for _ in range(150):
        content = bytearray(whole)
        for place in random.integers(0, 400, 3):
            content[place] = random.integers(0, 256)
        (tmp_path / "a.tif").write_bytes(content)
        found = georeferences({"a": tmp_path / "a.tif"})
        outcomes.add(bool(found))
        if found and found["a"].size == LABELS.shape:
            geotiff(LABELS, found["a"], voc_palette())
    assert outcomes == {True, False}
    assert capfd.readouterr().err == "", "whoever reads the photograph says what is wrong with it"


def test_a_reference_system_whose_name_cannot_be_read_is_lost_with_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("rasterio")
    path = latin_tiff(tmp_path / "latin.tif", PIXELS)
    whole = tagged_tiff(tmp_path / "whole.tif", PIXELS)
    assert list(georeferences({"latin": path, "whole": whole})) == ["whole"]
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith(f"{path}: its georeference cannot be read ('utf-8' codec can't decode byte 0xe8 ")
    assert line.endswith("), so its mask is written without it")
    assert np.array_equal(read_image(path), PIXELS), "the photograph is read all the same"


def test_points_without_a_reference_system_are_kept(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    from rasterio.control import GroundControlPoint

    place = Georeference(None, points=(GroundControlPoint(0, 0, 5, 6), GroundControlPoint(9, 9, 7, 8)))
    path = tmp_path / "mask.tif"
    path.write_bytes(geotiff(LABELS, place, voc_palette()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as mask:
            assert [(point.x, point.y) for point in mask.gcps[0]] == [(5, 6), (7, 8)]


def test_what_has_no_georeference_or_is_no_tiff_has_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", PIXELS)
    Image.fromarray(PIXELS).save(tmp_path / "photo.jpg")
    (tmp_path / "cut.tif").write_bytes(tagged_tiff(tmp_path / "whole.tif", PIXELS).read_bytes()[:200])
    (tmp_path / "nowhere.tif").symlink_to("none.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    names = ("plain.tif", "photo.jpg", "cut.tif", "nowhere.tif", "pipe.tif")
    assert georeferences({name: tmp_path / name for name in names}) == {}
    assert [is_placed(tmp_path / name) for name in (*names, "whole.tif")] == [False] * 5 + [True]
    assert caplog.records == []


def test_one_line_says_what_is_lost_without_rasterio(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    paths = {name: tagged_tiff(tmp_path / f"{name}.tif", PIXELS) for name in ("a", "b")}
    tifffile.imwrite(tmp_path / "plain.tif", PIXELS)
    assert georeferences({**paths, "plain": tmp_path / "plain.tif"}) == {}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{paths['a']}: the georeference of this photograph (and of 1 more) is lost in its mask; "
        "`pip install 'wsss[geo]'` keeps it"
    )
    assert np.array_equal(read_image(paths["a"]), PIXELS), "it is read as before"


def test_a_photograph_that_lies_turned_in_its_file_has_no_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("rasterio")
    path = tagged_tiff(tmp_path / "turned.tif", PIXELS, orientation=6)
    assert georeferences({"turned": path}) == {}
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: lies turned in its file, so its mask is written without its georeference"
    ]
