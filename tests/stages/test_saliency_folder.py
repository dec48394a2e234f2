"""The source `folder` of stage `saliency`."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.stages.saliency_maps import read_maps
from wsss.config import Saliency
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.stages.saliency import saliency
from wsss.store import ArtifactReader


@pytest.fixture
def maps(small_index: Path, tmp_path: Path) -> Path:
    """A folder with a good map of every image: its id's number in one half, 0 in the other."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for number, image_id in enumerate(load_dataset(small_index).ids("train")):
        height, width = load_dataset(small_index).size(image_id)
        values = np.zeros((height, width), np.uint8)
        values[: height // 2] = 100 + number
        Image.fromarray(values).save(folder / f"{image_id}.png")
    return folder


def test_maps_from_a_folder(small_index: Path, maps: Path, tmp_path: Path) -> None:
    saliency(Saliency(source="folder", folder=str(maps)), index=small_index, output=tmp_path / "s.h5")
    found = read_maps(tmp_path / "s.h5", load_dataset(small_index))
    for image_id, values in found.items():
        np.testing.assert_array_equal(values, np.asarray(Image.open(maps / f"{image_id}.png")))
    with ArtifactReader(tmp_path / "s.h5") as reader:
        before = reader.attributes["inputs"]
    Image.fromarray(found["2007_000000"] // 2).save(maps / "2007_000000.png")
    saliency(Saliency(source="folder", folder=str(maps)), index=small_index, output=tmp_path / "s.h5")
    with ArtifactReader(tmp_path / "s.h5") as reader:
        assert reader.attributes["inputs"]["maps"] != before["maps"]
        assert reader.attributes["inputs"]["index"] == before["index"]


def test_an_exponent_lays_the_values_of_a_source_out_anew(small_index: Path, maps: Path, tmp_path: Path) -> None:
    written = []
    for gamma in (1.0, 0.5):
        output = tmp_path / f"{gamma}.h5"
        saliency(Saliency(source="folder", folder=str(maps), gamma=gamma), index=small_index, output=output)
        written.append(read_maps(output, load_dataset(small_index)))
    for image_id, values in written[0].items():
        assert np.array_equal(written[1][image_id], np.round(255 * np.sqrt(values / 255)).astype(np.uint8))


@pytest.mark.parametrize("mode", ["I;16", "RGB", "LA", "P"])
def test_maps_in_other_forms_are_read_as_grey(small_index: Path, maps: Path, tmp_path: Path, mode: str) -> None:
    plain = {path.stem: np.asarray(Image.open(path)) for path in maps.iterdir()}
    for name, values in plain.items():
        image = Image.fromarray(values)
        if mode == "P":
            # indices in reverse order of their greys: reading the indices would turn the map inside out
            image = Image.fromarray(255 - values).convert("L")
            image.putpalette([value for value in range(255, -1, -1) for _ in range(3)])
        else:
            image = Image.fromarray(values.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
        image.save(maps / f"{name}.png")
    saliency(Saliency(source="folder", folder=str(maps)), index=small_index, output=tmp_path / "s.h5")
    for image_id, values in read_maps(tmp_path / "s.h5", load_dataset(small_index)).items():
        np.testing.assert_array_equal(values, plain[image_id])


def _folder_error(small_index: Path, folder: Path, output: Path) -> str:
    with pytest.raises(InputError) as caught:
        saliency(Saliency(source="folder", folder=str(folder)), index=small_index, output=output)
    assert not output.exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_missing_maps_are_counted_and_the_first_is_named(small_index: Path, maps: Path, tmp_path: Path) -> None:
    (maps / "2007_000002.png").unlink()
    (maps / "2007_000003.png").unlink()
    message = _folder_error(small_index, maps, tmp_path / "s.h5")
    assert "2 of 4 images have no map" in message
    assert str(maps / "2007_000002.png") in message
    assert str(tmp_path / "nowhere") in _folder_error(small_index, tmp_path / "nowhere", tmp_path / "s.h5")


def test_a_map_of_another_size_is_refused(small_index: Path, maps: Path, tmp_path: Path) -> None:
    Image.new("L", (30, 20), 200).save(maps / "2007_000001.png")
    message = _folder_error(small_index, maps, tmp_path / "s.h5")
    assert str(maps / "2007_000001.png") in message
    assert "30x20" in message


def test_black_maps(small_index: Path, maps: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = sorted(maps.iterdir())
    for number, path in enumerate(paths):
        black = Image.new("L", Image.open(path).size)
        if number < 3:
            black.save(path)
    with caplog.at_level(logging.WARNING):
        saliency(Saliency(source="folder", folder=str(maps)), index=small_index, output=tmp_path / "some.h5")
    assert "3 of 4 maps are black" in caplog.text
    for path in paths:
        Image.new("L", Image.open(path).size).save(path)
    assert "all 4 maps are black" in _folder_error(small_index, maps, tmp_path / "s.h5")
    for path in paths:
        Image.new("L", Image.open(path).size, 1).save(path)
    assert "no value above 1" in _folder_error(small_index, maps, tmp_path / "s.h5")
