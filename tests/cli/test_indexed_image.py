"""What an index tells of one image."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import wsss
from tests.data.geotiffs import ORIGIN, PIXEL, tagged_tiff
from tests.helpers import make_folder, write_csv
from wsss.cli.indexed_image import about_image
from wsss.config import FolderData
from wsss.errors import InputError
from wsss.stages.index import index


@pytest.fixture
def on_the_map(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    tagged_tiff(root / "a.tif", np.random.default_rng(0).integers(0, 256, (30, 42, 3), np.uint8))
    write_csv(root / "labels.csv", [["a", "bird"]], ["image", "label"])
    index(FolderData(root=str(root)), output=tmp_path / "index.h5")
    return tmp_path / "index.h5"


def test_an_image_is_told_about(tmp_path: Path):
    root = make_folder(tmp_path / "photos", names=["a.jpg", "b.png"], train=1)
    index(FolderData(root=str(root), masks="masks"), output=tmp_path / "index.h5")
    photograph, split, classes, mask = about_image(tmp_path / "index.h5", "b")
    assert photograph.startswith(f"photograph: {root / 'b.png'}, ")
    assert photograph.endswith(" pixels")
    assert split == "split: val"
    assert classes.startswith("classes: ")
    assert mask == f"mask: {root / 'masks/b.png'}"
    with pytest.raises(InputError, match="has no image `none`"):
        about_image(tmp_path / "index.h5", "none")


def test_a_photograph_on_the_map_says_where_it_lies(on_the_map: Path, tmp_path: Path):
    pytest.importorskip("rasterio")
    (left, top), (right, bottom) = ORIGIN, (ORIGIN[0] + 42 * PIXEL, ORIGIN[1] - 30 * PIXEL)
    place = f"EPSG:32632, pixels of 0.25 x 0.25 metre, from {left:.10g}, {bottom:.10g} to {right:.10g}, {top:.10g}"
    done = wsss("inspect", on_the_map, "--image", "a", "--output", tmp_path / "out")
    assert done.stdout.splitlines()[-1] == f"place: {place}"
    # no layer of the index is an array
    assert not (tmp_path / "out").exists()


def test_without_rasterio_a_place_is_not_read(on_the_map: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert about_image(on_the_map, "a")[-1] == "place: not read without rasterio: pip install 'wsss[geo]'"
