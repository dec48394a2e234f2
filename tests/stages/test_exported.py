"""An exported network segments photographs without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.stages.networks import CLASSES
from tests.stages.onnx_file import write_brightness_network, write_uniform_network
from wsss.config import Protocol
from wsss.data.images import read_mask
from wsss.errors import InputError
from wsss.stages.exported import ExportedPredictor
from wsss.stages.predict_photos import predict_photos

pytest.importorskip("onnxruntime")
SINGLE = Protocol()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_uniform_network(tmp_path / "model.onnx", CLASSES)


def test_photographs_are_segmented_in_a_process_that_cannot_import_torch(model: Path, tmp_path: Path):
    for name, size in (("one.jpg", (40, 30)), ("deep/two.png", (300, 90))):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (200, 10, 10)).save(tmp_path / "photos" / name)
    words = ["predict", str(model), str(tmp_path / "photos"), "--output", str(tmp_path / "out"), "--flip"]
    program = f"import sys; sys.modules['torch'] = None; from wsss.cli import main; sys.argv[1:] = {words!r}; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    mask = read_mask(tmp_path / "out/masks/deep/two.png")
    # all classes are equally likely, so the first one stands
    assert mask.shape == (90, 300)
    assert not mask.any()
    assert (tmp_path / "out/masks/classes.txt").read_text().split() == list(CLASSES)


def test_probabilities_are_of_what_the_network_sees(model: Path):
    red = np.zeros((40, 70, 3), np.uint8)
    red[:, :35, 0] = 255
    scores = ExportedPredictor(model).probabilities(red, SINGLE, 1024)
    assert scores.shape == (4, 32, 64)
    assert scores[:, :, 0].min() == 1
    assert scores[:, :, -1].max() == 0
    mirrored = ExportedPredictor(model).probabilities(red, Protocol(flip=True), 1024)
    assert np.allclose(mirrored, scores, atol=1e-6)


def test_what_it_cannot_do_is_said(model: Path, tmp_path: Path):
    predictor, image = ExportedPredictor(model), np.zeros((40, 70, 3), np.uint8)
    with pytest.raises(InputError, match="at one scale; leave out --scales"):
        predictor.probabilities(image, Protocol(scales=(0.5, 1.0)), 1024)
    with pytest.raises(InputError, match=r"was not written by `wsss export_model`"):
        ExportedPredictor(write_brightness_network(tmp_path / "other.onnx"))
    with pytest.raises(InputError, match="which does not segment"):
        ExportedPredictor(write_uniform_network(tmp_path / "cams.onnx", CLASSES, output="cams"))
    with pytest.raises(InputError, match=r"none\.onnx: no such network"):
        ExportedPredictor(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(InputError, match=r"text\.onnx: no ONNX network that can be run"):
        ExportedPredictor(tmp_path / "text.onnx")


def test_tiles_need_the_checkpoint(model: Path, tmp_path: Path):
    Image.new("RGB", (320, 160)).save(tmp_path / "large.png")
    protocol = Protocol.parse({"tiles": {"side": 128}})
    with pytest.raises(InputError, match=r"an exported network sees photographs whole; leave out --tile"):
        predict_photos(model, [tmp_path / "large.png"], output=tmp_path / "out", protocol=protocol)
