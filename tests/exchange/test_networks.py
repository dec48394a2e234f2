"""What is exported computes what PyTorch does, or is not written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wsss
from tests.cli.commands_with_outputs import call
from tests.stages.networks import BACKBONE, CLASSES, Networks
from wsss.data.images import read_mask
from wsss.errors import InputError
from wsss.exchange import networks as exchange
from wsss.exchange.networks import FORMS, LEAST_AGREEMENT, export_model, is_export
from wsss.models.kinds import network_class
from wsss.training.checkpoint import build_model, load_weights, save_model
from wsss.training.safetensors_file import description_in

SMALL: dict[str, dict[str, Any]] = {
    "auxsegnet": {"channels": 8, "atrous_rates": [1, 2, 3]},
    "aalr": {"channels": 8, "dilation": 1},
    "classifier": {"dropout": 0.0},
    "segmenter": {"head_channels": 8, "atrous_rates": [2], "dropout": 0.0},
}


def checkpoint(path: Path, kind: str, backbone: dict[str, Any]) -> Path:
    """An untrained network of a kind."""
    settings = {"backbone": backbone, **SMALL[kind]}
    model = build_model(network_class(kind), settings, len(CLASSES) - 1, seed=1)
    about = {"model_settings": settings, "class_names": CLASSES, "attributes": {}, "metrics": {}}
    save_model(path, stage=f"train_{kind}", model=model, **about)
    return path


@pytest.fixture(scope="module")
def onnx(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxscript")
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    made = export_model(networks.segmenter, form="onnx", output=path)
    assert made.agreement >= LEAST_AGREEMENT
    return path


def test_an_onnx_file_predicts_without_torch_what_its_checkpoint_does(networks: Networks, onnx: Path, tmp_path: Path):
    photos = networks.photos / "JPEGImages"
    words = ["predict", str(onnx), str(photos), "--output", str(tmp_path / "onnx")]
    program = f"import sys; sys.modules['torch'] = None; from wsss.cli import main; sys.argv[1:] = {words!r}; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    model = wsss.load(networks.segmenter)
    for path in sorted(photos.iterdir()):
        expected = model.predict(path)
        found = read_mask(tmp_path / "onnx/masks" / f"{path.stem}.png")
        # a network of a few steps has pixels on which two classes are equally probable
        second, first = np.sort(expected.probabilities, axis=0)[-2:]
        sure = first - second > 2e-3
        assert sure.mean() > 0.5
        assert np.array_equal(found[sure], expected.mask[sure])
    assert wsss.load(onnx).class_names == CLASSES


def test_an_onnx_file_takes_batches_of_any_size(networks: Networks, onnx: Path):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(onnx)
    for count, height, width in ((1, 1, 1), (3, 45, 70), (2, 160, 33)):
        images = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
        probabilities, labels = session.run(["probabilities", "labels"], {"images": images})
        assert probabilities.shape == (count, len(CLASSES), height, width)
        assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
        assert np.array_equal(labels, probabilities.argmax(1))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "pt2"])
@pytest.mark.parametrize(
    ("kind", "backbone"),
    [
        ("auxsegnet", BACKBONE),
        ("aalr", {"name": "resnet18", "weights": "none", "output_stride": 8}),
        ("classifier", BACKBONE),
        ("segmenter", BACKBONE),
    ],
)
def test_every_network_is_exported(tmp_path: Path, kind: str, backbone: dict[str, Any], form: str):
    pytest.importorskip("onnxscript")
    model = checkpoint(tmp_path / "model.ckpt", kind, backbone)
    made = export_model(model, form=form, output=tmp_path / f"model.{form}")
    assert made.kind == kind
    assert made.agreement >= LEAST_AGREEMENT
    assert is_export(tmp_path / f"model.{form}")


@pytest.mark.parametrize("kind", SMALL)
def test_every_network_is_the_same_as_safetensors(tmp_path: Path, kind: str):
    model = checkpoint(tmp_path / "model.ckpt", kind, {**BACKBONE, "weights": "none"})
    output = tmp_path / "model.safetensors"
    made = export_model(model, form="safetensors", output=output)
    assert made.agreement == 1
    assert made.difference == 0
    weights, again = load_weights(model)[0], load_weights(output)[0]
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    # an earlier export may be replaced
    assert export_model(model, form="safetensors", output=output).size == output.stat().st_size


def test_no_folder_of_the_machine_leaves_it(networks: Networks, tmp_path: Path):
    settings = {"backbone": {**BACKBONE, "weights": "/home/me/secret/net.pth"}, **SMALL["segmenter"]}
    model = build_model(network_class("segmenter"), {**settings, "backbone": BACKBONE}, 3)
    about = {"model_settings": settings, "class_names": CLASSES, "metrics": {}}
    attributes = {"settings": '{"backbone": {"weights": "/home/me/secret/net.pth"}}'}
    save_model(tmp_path / "model.ckpt", stage="train_segmenter", model=model, attributes=attributes, **about)
    export_model(tmp_path / "model.ckpt", form="safetensors", output=tmp_path / "model.safetensors")
    said = str(description_in(tmp_path / "model.safetensors"))
    assert "secret" not in said
    assert said.count("net.pth") == 2


def test_an_export_that_computes_something_else_is_not_written(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make = exchange._MAKERS["safetensors"]

    def wrong(*of: Any) -> Any:
        content, run = make(*of)
        return content, lambda images: [run(images)[0][:, ::-1], None]

    monkeypatch.setitem(exchange._MAKERS, "safetensors", wrong)
    with pytest.raises(InputError, match=r"differs from PyTorch's: only .* of pixels .* nothing is written$"):
        export_model(networks.segmenter, form="safetensors", output=tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_files_of_others_are_not_replaced(networks: Networks, tmp_path: Path, form: str):
    (tmp_path / f"mine.{form}").write_bytes(b"mine" * 100)
    assert not is_export(tmp_path / f"mine.{form}")
    with pytest.raises(InputError, match="was not written by `wsss export_model`"):
        export_model(networks.segmenter, form=form, output=tmp_path / f"mine.{form}")
    assert (tmp_path / f"mine.{form}").read_bytes() == b"mine" * 100


def test_the_command_says_what_was_compared(networks: Networks, tmp_path: Path):
    output = tmp_path / "model.safetensors"
    done = call("export_model", networks.segmenter, "--to", "safetensors", "--output", output)
    assert done.exit_code == 0, done.output
    assert "network segmenter" in done.output
    assert "100.00% of pixels" in done.output.replace("\n", " ")
    assert call("export_model", networks.segmenter, "--to", "tflite", "--output", output).exit_code == 2
    wrong = call("export_model", networks.segmenter, "--to", "pt2", "--output", output)
    assert wrong.exit_code == 1
    assert "ends in .pt2" in wrong.output


def test_a_missing_package_is_named(networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exchange.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs onnx, which is not installed: pip install 'wsss\[onnx\]'"):
        export_model(networks.segmenter, form="onnx", output=tmp_path / "model.onnx")
