"""The source `rembg` of stage `saliency`, with a network whose map is the brightness of the photograph."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import make_voc
from tests.stages.onnx_file import write_brightness_network
from wsss.config import Saliency, VocData
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.images import resize_map
from wsss.errors import InputError
from wsss.stages.index import index
from wsss.stages.saliency import saliency
from wsss.stages.saliency_network import SaliencyNetwork, providers, side_by_side
from wsss.store import ArtifactReader

needs_rembg = pytest.mark.skipif(
    importlib.util.find_spec("rembg") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="needs wsss[saliency]",
)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The network in a file whose name says nothing."""
    return write_brightness_network(tmp_path / "any name.bin")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, and a rembg that cannot download."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))

    def retrieve(url: str, *_: Any, **__: Any) -> None:
        raise ConnectionError(f"no way to {url}")

    import pooch

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    return home


def _settings(**values: Any) -> Saliency:
    return Saliency(source="rembg", **values)


def _error(settings: Saliency) -> str:
    with pytest.raises(InputError) as caught:
        SaliencyNetwork(settings, RunContext(device="cpu", threads=1))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@needs_rembg
@pytest.mark.parametrize("model", ["u2netp", "silueta", "u2net_custom"])
def test_weights_of_any_name_and_nothing_written_or_fetched(model: str, weights: Path, offline: Path) -> None:
    network = SaliencyNetwork(_settings(model=model, weights=str(weights)), RunContext(device="cpu", threads=1))
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:50] = 230
    values = network(image)
    assert values.shape == (40, 60)
    assert values.dtype == np.uint8
    assert values[14:26, 24:46].min() > 200
    assert values[:6].max() < 15
    assert network(image[:1, :1]).shape == (1, 1)
    assert not list(offline.iterdir())


@needs_rembg
def test_the_stage_writes_maps_at_the_original_size(weights: Path, tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data", train=6, val=2)
    index(VocData(root=str(root), classes="classes.txt", max_side=32), output=tmp_path / "index.h5")
    settings, output = _settings(weights=str(weights), val=True), tmp_path / "s.h5"
    saliency(settings, index=tmp_path / "index.h5", output=output, context=RunContext(device="cpu", threads=1))
    dataset = load_dataset(tmp_path / "index.h5")
    with ArtifactReader(output, "saliency") as reader:
        assert len(reader["saliency"]) == 8
        for image_id, values in reader["saliency"].items():
            assert values.shape == dataset.size(image_id)
            brightness = resize_map(dataset.bounded_image(image_id).mean(axis=-1), dataset.size(image_id))
            assert np.corrcoef(values.ravel(), brightness.ravel())[0, 1] > 0.95
        before = reader.attributes["inputs"]["weights"]
    write_brightness_network(weights, side=319)
    with pytest.raises(InputError, match=r"any name\.bin: does not fit saliency\.model"):
        saliency(settings, index=tmp_path / "index.h5", output=output, context=RunContext(device="cpu", threads=1))
    with ArtifactReader(output, "saliency") as reader:
        assert reader.attributes["inputs"]["weights"] == before


def _reference(image: np.ndarray) -> np.ndarray:
    """The steps of rembg around U2-Net, with the mean of the channels as the network."""
    photograph = Image.fromarray(image)
    values = np.asarray(photograph.resize((320, 320), Image.Resampling.LANCZOS)).astype(np.float64)
    normalized = (values / values.max() - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    scores = normalized.mean(-1)
    stretched = (scores - scores.min()) / (scores.max() - scores.min())
    grey = Image.fromarray((255 * stretched).astype(np.uint8))
    return np.asarray(grey.resize(photograph.size, Image.Resampling.LANCZOS))


@needs_rembg
@pytest.mark.parametrize("threads", [1, 3])
def test_maps_are_rembg_s_however_many_are_made_at_a_time(
    weights: Path, small_index: Path, tmp_path: Path, threads: int
) -> None:
    dataset, context = load_dataset(small_index), RunContext(device="cpu", threads=threads)
    saliency(_settings(weights=str(weights)), index=small_index, output=tmp_path / "s.h5", context=context)
    with ArtifactReader(tmp_path / "s.h5") as reader:
        for image_id in dataset.ids("train"):
            expected = resize_map(_reference(dataset.bounded_image(image_id)), dataset.size(image_id))
            assert np.abs(reader["saliency"][image_id].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("model", "threads", "on_cpu", "expected"),
    [
        ("u2netp", 1, True, (1, 1)),
        ("u2net", 2, True, (2, 1)),
        ("silueta", 16, True, (8, 2)),
        ("u2netp", 16, False, (8, 2)),
        ("birefnet-general", 16, True, (1, 16)),
        ("isnet-general-use", 4, False, (2, 4)),
    ],
)
def test_small_networks_take_several_images_and_large_ones_fit_the_memory(
    model: str, threads: int, on_cpu: bool, expected: tuple[int, int]
) -> None:
    assert side_by_side(model, threads, on_cpu=on_cpu) == expected


@needs_rembg
def test_only_the_sessions_of_rembg_are_loaded(weights: Path) -> None:
    """The package itself compiles alpha matting for 40 s on first import; and it stays whole for other users."""
    check = f"""
import sys
from wsss.config import Saliency
from wsss.context import RunContext
from wsss.stages.saliency_network import SaliencyNetwork
SaliencyNetwork(Saliency(source="rembg", weights={str(weights)!r}), RunContext(device="cpu", threads=1))
print([m for m in ("torch", "pymatting", "numba", "rembg", "rembg.sessions") if m in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@needs_rembg
def test_what_is_wrong_with_model_or_weights_is_said(weights: Path, tmp_path: Path, offline: Path) -> None:
    assert "did you mean `u2netp`" in _error(_settings(model="u2nettp"))
    assert "unknown network `withoutbg`" in _error(_settings(model="withoutbg")), "sends photographs to a server"
    assert "needs saliency.weights" in _error(_settings(model="u2net_custom"))
    message = _error(_settings(model="u2netp"))
    assert "cannot get its weights" in message
    assert "saliency.weights" in message
    (tmp_path / "damaged.onnx").write_bytes(weights.read_bytes()[:-40])
    assert "damaged.onnx" in _error(_settings(weights=str(tmp_path / "damaged.onnx")))


def test_missing_weights_are_named_with_the_ways_out(tmp_path: Path) -> None:
    message = _error(_settings(weights=str(tmp_path / "u2netp.onnx")))
    assert str(tmp_path / "u2netp.onnx") in message
    assert "leave `weights` out" in message


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rembg"]:
        monkeypatch.delitem(sys.modules, name)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "rembg" else find_spec(name))
    assert "pip install wsss[saliency]" in _error(_settings())


@pytest.mark.parametrize(
    ("device", "available", "expected"),
    [
        ("cpu", ["CUDAExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        ("auto", ["CPUExecutionProvider"], ["CPUExecutionProvider"]),
        ("auto", ["CUDAExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        ("cuda:1", ["CUDAExecutionProvider"], [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]),
    ],
)
def test_a_gpu_is_used_where_allowed_and_there(device: str, available: list[str], expected: list[Any]) -> None:
    assert providers(device, available) == expected


def test_a_gpu_that_cannot_be_used_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert providers("cuda", ["CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    assert "runs on the CPU" in caplog.text
