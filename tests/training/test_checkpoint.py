from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wsss.errors import InputError
from wsss.training.checkpoint import build_model, load_model, save_model

BACKBONE = {"name": "test_resnet", "weights": "none", "frozen_stages": 1, "output_stride": 32}
CLASSES = ("background", "cat", "dog")
SETTINGS = {
    "classifier": {"backbone": BACKBONE, "dropout": 0.3},
    "segmenter": {"backbone": BACKBONE, "head_channels": 8, "atrous_rates": [2, 4], "dropout": 0.1},
}


def save(path: Path, kind: str = "classifier", *, seed: int = 0, **changes: object) -> torch.nn.Module:
    model = build_model(kind, SETTINGS[kind], 2, seed=seed)
    values = {
        "stage": f"train_{kind}",
        "model": model,
        "model_settings": SETTINGS[kind],
        "class_names": CLASSES,
        "attributes": {"seed": seed, "inputs": {"index": "abc"}},
        "metrics": {"validation": {"map": None}},
    }
    save_model(path, **{**values, **changes})  # type: ignore[arg-type]
    return model


@pytest.mark.parametrize("kind", ["classifier", "segmenter"])
def test_a_network_comes_back_as_it_was(tmp_path: Path, kind: str) -> None:
    model = save(tmp_path / "model.ckpt", kind).eval()
    loaded, info = load_model(tmp_path / "model.ckpt", stage=f"train_{kind}", class_names=CLASSES)
    assert not loaded.training
    images = torch.rand(1, 3, 64, 48)
    with torch.no_grad():
        expected, found = model(images), loaded(images)
    if kind == "classifier":
        expected, found = expected.logits, found.logits
    assert torch.equal(expected, found)
    assert (info.kind, info.class_names, info.num_classes) == (kind, CLASSES, 2)
    assert info.attributes == {"seed": 0, "inputs": {"index": "abc"}}
    assert info.metrics == {"validation": {"map": None}}


def test_loading_needs_no_pretrained_weights(tmp_path: Path) -> None:
    settings = {**SETTINGS["classifier"], "backbone": {**BACKBONE, "weights": "/gone/weights.pth"}}
    save(tmp_path / "model.ckpt", model_settings=settings)
    load_model(tmp_path / "model.ckpt")


def test_equal_trainings_give_equal_bytes(tmp_path: Path) -> None:
    save(tmp_path / "a.ckpt")
    save(tmp_path / "other-name.ckpt")
    save(tmp_path / "c.ckpt", seed=1)
    assert (tmp_path / "a.ckpt").read_bytes() == (tmp_path / "other-name.ckpt").read_bytes()
    assert (tmp_path / "a.ckpt").read_bytes() != (tmp_path / "c.ckpt").read_bytes()


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    build_model("classifier", SETTINGS["classifier"], 2, seed=5)
    assert torch.equal(torch.rand(3), expected)


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("wsss.files.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path / "model.ckpt")
    assert list(tmp_path.iterdir()) == []


def one_line(path: Path, **arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path, **arguments)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_bad_files_get_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    assert "no such checkpoint" in one_line(path)
    path.write_bytes(b"x" * 100)
    assert "damaged" in one_line(path)
    save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "damaged" in one_line(path)
    torch.save({"state_dict": {}}, path)
    assert "no checkpoint of wsss" in one_line(path)
    torch.save({"model": torch.nn.Linear(1, 1)}, path)
    assert "cannot" in one_line(path) or "safely" in one_line(path)
    assert "is a folder" in one_line(tmp_path)


def test_checkpoint_of_another_kind_gets_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    save(path)
    message = one_line(path, stage="train_segmenter")
    assert "was written by stage train_classifier; pass the checkpoint of stage train_segmenter" in message
    message = one_line(path, class_names=("background", "cat"))
    assert "was trained on 2 classes, the index has 1" in message
    assert "its class 2 is `dog`, the index has `cow`" in one_line(path, class_names=("background", "cat", "cow"))


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    save(path, class_names=(*CLASSES, "cow"))
    assert "of another shape, the first is `classifier.weight`" in one_line(path)
    save(path)
    payload = torch.load(path, weights_only=True)
    payload["weights"].pop("classifier.weight")
    torch.save(payload, path)
    assert "1 tensors are missing" in one_line(path)
    torch.save({**payload, "format_version": 99}, path)
    assert "format version 99" in one_line(path)
