from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.geotiffs import tagged_tiff
from tests.stages.networks import Networks
from wsss.config import Protocol, Tiles
from wsss.data.images import read_mask
from wsss.errors import InputError
from wsss.stages.predict_photos import predict_photos

TILED = Protocol(tiles=Tiles(side=128, overlap=32))


def test_photographs_get_masks_and_overlays(networks: Networks, tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    for name, size in [("one.JPG", (40, 30)), ("two ü.png", (1, 1)), ("large.jpg", (300, 90))]:
        Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(folder / name)
    written = predict_photos(networks.segmenter, [tmp_path / "photos"], output=tmp_path / "out", max_side=64)
    assert sorted(path.name for path in written) == ["large.png", "one.png", "two ü.png"]
    with Image.open(tmp_path / "out/masks/deep/large.png") as mask:
        assert mask.mode == "P"
        assert mask.size == (300, 90)
    assert (tmp_path / "out/overlays/deep/one.jpg").is_file()
    assert (tmp_path / "out/masks/classes.txt").read_text().split()[0] == "background"


def test_photographs_that_cannot_be_read_do_not_keep_the_others(
    networks: Networks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "c.png"):
        Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(folder / name)
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-40])
    (folder / "d.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(InputError, match=r"b\.jpg: damaged .* \(and 1 more such .*; the other 2 are done, in "):
        predict_photos(networks.segmenter, [folder], output=tmp_path / "out")
    # the line names the first; the others are for the log alone
    (other,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert other.getMessage() == f"{folder / 'd.jpg'}: is a link to a file that is not there; correct the link"
    assert other.log_only  # type: ignore[attr-defined]
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("[a-z]*.*"))
    assert made == ["masks/a.png", "masks/c.png", "masks/classes.txt", "overlays/a.jpg", "overlays/c.jpg"]


def test_no_folder_is_left_where_no_photograph_can_be_read(networks: Networks, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"no photograph")
    with pytest.raises(
        InputError, match=r"photo\.jpg: not an image that can be read; replace the file; nothing is written$"
    ):
        predict_photos(networks.segmenter, [tmp_path / "photo.jpg"], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_photographs_that_are_not_there_or_share_a_name_are_named(networks: Networks, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jpg: no such photograph"):
        predict_photos(networks.segmenter, [tmp_path / "none.jpg"], output=tmp_path / "out")
    for suffix in ("png", "jpg"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / f"same.{suffix}")
    with pytest.raises(InputError, match="rename one of them"):
        predict_photos(networks.segmenter, [tmp_path / "same.jpg", tmp_path / "same.png"], output=tmp_path / "out")


def test_what_is_hidden_or_was_written_by_the_program_is_no_photograph(networks: Networks, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    names = ("a.jpg", ".trash/b.jpg", "deep/.c.jpg", "deep/results.jpg", "deep/results/d.jpg", "results/run/e.jpg")
    for name in names:
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(photos / name)
    written = predict_photos(networks.segmenter, [photos], output=tmp_path / "out")
    made = [path.relative_to(tmp_path / "out/masks").as_posix() for path in written]
    assert made == ["a.png", "deep/results.png", "deep/results/d.png"]
    # masks and overlays of that call, moved to the photographs; a photograph beside them is one
    (tmp_path / "out").rename(photos / "out")
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(photos / "out/mine.jpg")
    named = [path.name for path in predict_photos(networks.segmenter, [photos], output=tmp_path / "other")]
    assert named == ["a.png", "results.png", "d.png", "mine.png"]
    (photos / "out/mine.jpg").unlink()
    with pytest.raises(InputError, match=r"out: holds no photographs .*; the 6 there were written by this program"):
        predict_photos(networks.segmenter, [photos / "out"], output=tmp_path / "other")


def test_masks_that_surely_do_not_fit_are_refused_before_the_network_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "a.jpg")
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 1000)
    with pytest.raises(InputError, match="the disk has no room for 3 files"):
        predict_photos(tmp_path / "none.ckpt", [tmp_path / "a.jpg"], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_predictions_are_made_again_and_replace_nothing_else(networks: Networks, tmp_path: Path) -> None:
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(photos / "a.jpg")
    for _ in range(2):
        assert predict_photos(networks.segmenter, [photos], output=output) == [output / "masks/a.png"]
    (output / "masks/true.png").write_bytes(b"a true mask")
    with pytest.raises(InputError, match=r"masks: holds true\.png, which was not written by this program"):
        predict_photos(networks.segmenter, [photos], output=output)
    # photographs of the next call would be among the overlays
    with pytest.raises(InputError, match="would be taken for one of the inputs in"):
        predict_photos(networks.segmenter, [photos], output=photos / "predictions")
    assert [path.name for path in photos.iterdir()] == ["a.jpg"]


def test_masks_of_geotiffs_lie_where_they_do(networks: Networks, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    pixels = np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8)
    photos = tmp_path / "photos"
    photos.mkdir()
    tagged_tiff(photos / "field.tif", pixels)
    tagged_tiff(photos / "small.tif", pixels[:60, :90])
    Image.fromarray(pixels).save(photos / "plain.png")
    made = {}
    for name, ask in {"png": {"georeference": False}, "whole": {}, "tiles": {"protocol": TILED}}.items():
        for _ in range(2):
            written = predict_photos(networks.segmenter, [photos], output=tmp_path / name, **ask)  # type: ignore[arg-type]
        made[name] = {path.name: read_mask(path) for path in written}
    assert sorted(made["png"]) == ["field.png", "plain.png", "small.png"]
    for name in ("whole", "tiles"):
        assert sorted(made[name]) == ["field.tif", "plain.png", "small.tif"]
        assert (tmp_path / name / "overlays/field.jpg").is_file()
        for stem in ("field", "small"):
            with (
                rasterio.open(photos / f"{stem}.tif") as photo,
                rasterio.open(tmp_path / name / f"masks/{stem}.tif") as mask,
            ):
                assert (mask.crs, mask.transform, mask.shape) == (photo.crs, photo.transform, photo.shape)
                assert mask.crs.to_epsg() == 32632
    # one mask of each photograph, also where an earlier call gave it another form, but what a user changed stays
    (tmp_path / "png/masks/small.png").write_bytes(b"changed")
    predict_photos(networks.segmenter, [photos], output=tmp_path / "png")
    masks = tmp_path / "png/masks"
    assert sorted(path.name for path in masks.iterdir()) == [
        "classes.txt",
        "field.tif",
        "plain.png",
        "small.png",
        "small.tif",
    ]
    (masks / "small.png").unlink()
    predict_photos(networks.segmenter, [photos], output=tmp_path / "png", georeference=False)
    assert sorted(path.name for path in masks.iterdir()) == ["classes.txt", "field.png", "plain.png", "small.png"]
    assert np.array_equal(made["whole"]["field.tif"], made["png"]["field.png"])
    assert np.array_equal(made["tiles"]["small.tif"], made["png"]["small.png"])
    # the masks lie among the photographs of the next call, and are none
    (tmp_path / "whole").rename(photos / "whole")
    again = predict_photos(networks.segmenter, [photos], output=tmp_path / "again")
    assert sorted(path.name for path in again) == ["field.tif", "plain.png", "small.tif"]
