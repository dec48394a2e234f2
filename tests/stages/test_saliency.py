"""Stage `saliency`: every source gives uint8 maps at the size of the photographs, or one clear line."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import make_voc
from wsss.config import Saliency, VocData
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.stages import saliency as stage_module
from wsss.stages.index import index
from wsss.stages.saliency import saliency
from wsss.store import ArtifactReader


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 training and 2 validation images of up to 56 x 72 px, of which networks see at most 50."""
    folder = tmp_path_factory.mktemp("voc")
    root = make_voc(folder / "data", train=4, val=2)
    index(VocData(root=str(root), classes="classes.txt", max_side=50), output=folder / "index.h5")
    return folder / "index.h5"


@pytest.fixture
def maps(index_path: Path, tmp_path: Path) -> Path:
    """A folder with a good map of every image: its id's number in one half, 0 in the other."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for number, image_id in enumerate(_ids(load_dataset(index_path))):
        height, width = load_dataset(index_path).size(image_id)
        values = np.zeros((height, width), np.uint8)
        values[: height // 2] = 100 + number
        Image.fromarray(values).save(folder / f"{image_id}.png")
    return folder


def _ids(dataset: Dataset) -> list[str]:
    return [image_id for split in dataset.splits for image_id in dataset.ids(split)]


def _read(path: Path, dataset: Dataset) -> dict[str, np.ndarray]:
    with ArtifactReader(path, "saliency") as reader:
        found = {image_id: reader.read("saliency", image_id) for image_id in reader.ids("saliency")}
    assert sorted(found) == sorted(_ids(dataset))
    for image_id, values in found.items():
        assert values.dtype == np.uint8
        assert values.shape == dataset.size(image_id)
    return found


@pytest.mark.parametrize("workers", [0, 1])
def test_superpixels_find_the_shapes(index_path: Path, tmp_path: Path, workers: int) -> None:
    dataset = load_dataset(index_path)
    saliency(Saliency(), index=index_path, output=tmp_path / "s.h5", context=RunContext(workers=workers))
    for image_id, values in _read(tmp_path / "s.h5", dataset).items():
        mask = dataset.mask(image_id)
        assert mask is not None
        assert values[(mask > 0) & (mask < 255)].mean() > values[mask == 0].mean() + 50


def test_a_stopped_stage_goes_on_where_it_was(
    index_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fails_at_the_fourth(image: np.ndarray, **_: float) -> np.ndarray:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return np.full(image.shape[:2], len(calls) / 10, np.float32)

    monkeypatch.setattr(stage_module, "superpixel_saliency", fails_at_the_fourth)
    output = tmp_path / "s.h5"
    with pytest.raises(KeyboardInterrupt):
        saliency(Saliency(), index=index_path, output=output)
    assert not output.exists()
    saliency(Saliency(), index=index_path, output=output)
    assert len(calls) == 4 + 3
    values = [int(values.max()) for values in _read(output, load_dataset(index_path)).values()]
    assert len(set(values)) == 6


def test_an_error_in_a_worker_is_raised_as_it_is(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data", train=3, val=0)
    index(VocData(root=str(root), classes="classes.txt", val_list=None), output=tmp_path / "index.h5")
    (root / "JPEGImages" / "2007_000001.jpg").write_bytes(b"no image any more")
    with pytest.raises(InputError, match=r"2007_000001\.jpg"):
        saliency(Saliency(), index=tmp_path / "index.h5", output=tmp_path / "s.h5", context=RunContext(workers=1))
    assert not (tmp_path / "s.h5").exists()


def test_maps_from_a_folder(index_path: Path, maps: Path, tmp_path: Path) -> None:
    saliency(Saliency(source="folder", folder=str(maps)), index=index_path, output=tmp_path / "s.h5")
    found = _read(tmp_path / "s.h5", load_dataset(index_path))
    for image_id, values in found.items():
        np.testing.assert_array_equal(values, np.asarray(Image.open(maps / f"{image_id}.png")))
    with ArtifactReader(tmp_path / "s.h5") as reader:
        before = reader.attributes["inputs"]
    Image.fromarray(found["2007_000000"] // 2).save(maps / "2007_000000.png")
    saliency(Saliency(source="folder", folder=str(maps)), index=index_path, output=tmp_path / "s.h5")
    with ArtifactReader(tmp_path / "s.h5") as reader:
        assert reader.attributes["inputs"]["maps"] != before["maps"]
        assert reader.attributes["inputs"]["index"] == before["index"]


def test_an_exponent_lays_the_values_of_a_source_out_anew(index_path: Path, maps: Path, tmp_path: Path) -> None:
    written = []
    for gamma in (1.0, 0.5):
        output = tmp_path / f"{gamma}.h5"
        saliency(Saliency(source="folder", folder=str(maps), gamma=gamma), index=index_path, output=output)
        written.append(_read(output, load_dataset(index_path)))
    for image_id, values in written[0].items():
        assert np.array_equal(written[1][image_id], np.round(255 * np.sqrt(values / 255)).astype(np.uint8))


@pytest.mark.parametrize("mode", ["I;16", "RGB", "LA", "P"])
def test_maps_in_other_forms_are_read_as_grey(index_path: Path, maps: Path, tmp_path: Path, mode: str) -> None:
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
    saliency(Saliency(source="folder", folder=str(maps)), index=index_path, output=tmp_path / "s.h5")
    for image_id, values in _read(tmp_path / "s.h5", load_dataset(index_path)).items():
        np.testing.assert_array_equal(values, plain[image_id])


def _folder_error(index_path: Path, folder: Path, output: Path) -> str:
    with pytest.raises(InputError) as caught:
        saliency(Saliency(source="folder", folder=str(folder)), index=index_path, output=output)
    assert not output.exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_missing_maps_are_counted_and_the_first_is_named(index_path: Path, maps: Path, tmp_path: Path) -> None:
    (maps / "2007_000002.png").unlink()
    (maps / "2007_000004.png").unlink()
    message = _folder_error(index_path, maps, tmp_path / "s.h5")
    assert "2 of 6 images have no map" in message
    assert str(maps / "2007_000002.png") in message
    assert str(tmp_path / "nowhere") in _folder_error(index_path, tmp_path / "nowhere", tmp_path / "s.h5")


def test_a_map_of_another_size_is_refused(index_path: Path, maps: Path, tmp_path: Path) -> None:
    Image.new("L", (30, 20), 200).save(maps / "2007_000001.png")
    message = _folder_error(index_path, maps, tmp_path / "s.h5")
    assert str(maps / "2007_000001.png") in message
    assert "30x20" in message


def test_black_maps(index_path: Path, maps: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = sorted(maps.iterdir())
    for number, path in enumerate(paths):
        black = Image.new("L", Image.open(path).size)
        if number < 4:
            black.save(path)
    with caplog.at_level(logging.WARNING):
        saliency(Saliency(source="folder", folder=str(maps)), index=index_path, output=tmp_path / "some.h5")
    assert "4 of 6 maps are black" in caplog.text
    for path in paths:
        Image.new("L", Image.open(path).size).save(path)
    assert "all 6 maps are black" in _folder_error(index_path, maps, tmp_path / "s.h5")
    for path in paths:
        Image.new("L", Image.open(path).size, 1).save(path)
    assert "no value above 1" in _folder_error(index_path, maps, tmp_path / "s.h5")


def test_nothing_but_the_network_source_needs_a_network_package() -> None:
    check = (
        "import sys, wsss.stages.saliency; print([m for m in ('torch', 'onnxruntime', 'rembg') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
