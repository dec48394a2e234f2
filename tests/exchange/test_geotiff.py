from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.geotiffs import ORIGIN, tagged_tiff
from tests.helpers import make_folder
from wsss.config import FolderData
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.exchange.export import export_maps
from wsss.stages.index import index


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A folder with masks, of which one photograph is a GeoTIFF, larger than the blocks of a mask."""
    root = make_folder(tmp_path / "photos", names=["a.jpg", "field.png"])
    pixels = np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8)
    tagged_tiff(root / "field.tif", pixels)
    (root / "field.png").unlink()
    table = root / "labels.csv"
    table.write_text(table.read_text().replace("field.png", "field.tif"))
    with Image.open(root / "masks/field.png") as mask:
        mask.resize((420, 300), Image.Resampling.NEAREST).save(root / "masks/field.png")
    index(FolderData(root=str(root), masks="masks"), output=tmp_path / "index.h5")
    return load_dataset(tmp_path / "index.h5")


def test_label_maps_lie_where_their_photographs_do(dataset: Dataset, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    ask = {"index": dataset.path, "output": tmp_path / "out", "form": "geotiff", "truth": "train"}
    for _ in range(2):
        assert export_maps([], **ask) == 2
    assert (tmp_path / "out/classes.txt").read_text().split() == list(dataset.class_names)
    with rasterio.open(dataset.image_path("field")) as photo, rasterio.open(tmp_path / "out/train/field.tif") as mask:
        assert (mask.crs, mask.transform, mask.shape) == (photo.crs, photo.transform, photo.shape)
        assert mask.crs.to_epsg() == 32632
        assert mask.nodata == 255
        assert np.array_equal(mask.read(1), dataset.mask("field"))
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "out/train/a.tif") as mask:
        assert mask.transform.is_identity
        assert np.array_equal(mask.read(1), dataset.mask("a"))


def test_other_forms_say_what_they_lose(dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ask = {"index": dataset.path, "form": "voc", "truth": "train"}
    export_maps([], **ask, output=tmp_path / "out")
    line = f"{dataset.image_path('field')}: has a georeference, which this form does not keep; `--format geotiff` does"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [line]


def test_without_rasterio_it_is_one_line(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(
        InputError, match=r"^GeoTIFFs need rasterio, which is not installed: pip install 'wsss\[geo\]'$"
    ):
        export_maps([], index=dataset.path, output=tmp_path / "out", form="geotiff", truth="train")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", ["resampled", "moved"])
def test_a_photograph_that_was_replaced_gives_no_place(dataset: Dataset, tmp_path: Path, change: str) -> None:
    pytest.importorskip("rasterio")
    path = dataset.image_path("field")
    if change == "resampled":
        tagged_tiff(path, np.zeros((150, 210, 3), np.uint8))
    else:
        content = path.read_bytes()
        path.write_bytes(content.replace(struct.pack("<d", ORIGIN[0]), struct.pack("<d", ORIGIN[0] + 9000)))
        assert path.stat().st_size == len(content)
        assert path.read_bytes() != content
    with pytest.raises(InputError, match=r"field\.tif: has changed since .*; build the index again with `wsss run "):
        export_maps([], index=dataset.path, output=tmp_path / "out", form="geotiff", truth="train")
    assert not list((tmp_path / "out").glob("train/*"))
