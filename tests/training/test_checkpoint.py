from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.damage import survivors
from wsss.errors import InputError
from wsss.inputs import HDF5
from wsss.models import Classifier, Segmenter
from wsss.models.network import Network
from wsss.training.checkpoint import build_model, load_model, load_weights, save_model

BACKBONE = {"name": "test_resnet", "weights": "none", "frozen_stages": 1, "output_stride": 32}
CLASSES = ("background", "cat", "dog")
SETTINGS: dict[type[Network], dict[str, object]] = {
    Classifier: {"backbone": BACKBONE, "dropout": 0.3},
    Segmenter: {"backbone": BACKBONE, "head_channels": 8, "atrous_rates": [2, 4], "dropout": 0.1},
}


def save(path: Path, network: type[Network] = Classifier, *, seed: int = 0, **changes: object) -> Network:
    model = build_model(network, SETTINGS[network], 2, seed=seed)
    values = {
        "stage": f"train_{network.kind}",
        "model": model,
        "model_settings": SETTINGS[network],
        "class_names": CLASSES,
        "attributes": {"seed": seed, "inputs": {"index": "abc"}},
        "metrics": {"validation": {"map": None}},
    }
    save_model(path, **{**values, **changes})  # type: ignore[arg-type]
    return model


@pytest.mark.parametrize("network", SETTINGS)
def test_a_network_comes_back_as_it_was(tmp_path: Path, network: type[Network]) -> None:
    model = save(tmp_path / "model.ckpt", network).eval()
    loaded, info = load_model(tmp_path / "model.ckpt", network, f"train_{network.kind}", class_names=CLASSES)
    assert type(loaded) is network
    assert not loaded.training
    images = torch.rand(1, 3, 64, 32)
    with torch.no_grad():
        expected, found = model(images), loaded(images)
    if network is Classifier:
        expected, found = expected.logits, found.logits
    assert torch.equal(expected, found)
    assert (info.kind, info.class_names, info.num_classes) == (network.kind, CLASSES, 2)
    assert info.attributes == {"seed": 0, "inputs": {"index": "abc"}}
    assert info.metrics == {"validation": {"map": None}}


def test_loading_needs_no_pretrained_weights(tmp_path: Path) -> None:
    settings = {**SETTINGS[Classifier], "backbone": {**BACKBONE, "weights": "/gone/weights.pth"}}
    save(tmp_path / "model.ckpt", model_settings=settings)
    load_model(tmp_path / "model.ckpt", Classifier)


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
    build_model(Classifier, SETTINGS[Classifier], 2, seed=5)
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
        load_model(path, Classifier, **arguments)  # type: ignore[arg-type]
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
    path.write_bytes(HDF5 + b"x" * 100)
    assert one_line(path).endswith("is an artifact, and no network; pass a checkpoint (model.ckpt)")


def test_a_checkpoint_that_is_not_there_is_not_to_be_deleted(tmp_path: Path) -> None:
    assert one_line(tmp_path / "model.ckpt").endswith("no such checkpoint; correct the path")
    inside = tmp_path / "results/my/model.ckpt"
    assert one_line(inside).endswith(f"correct the path, or build it with `wsss run CONFIG {inside}`")


def test_checkpoint_of_another_kind_gets_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    save(path)
    message = one_line(path, stages="train_segmenter")
    assert "was written by stage train_classifier; pass the checkpoint of stage train_segmenter" in message
    message = one_line(path, class_names=("background", "cat"))
    assert "was trained on 2 classes, the index has 1" in message
    assert "its class 2 is `dog`, the index has `cow`" in one_line(path, class_names=("background", "cat", "cow"))


def test_another_network_than_is_expected_gets_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    save(path, Segmenter)
    message = one_line(path)
    assert "holds a network `segmenter`, written by stage train_segmenter" in message
    assert "pass the checkpoint of a network `classifier`" in message


def test_weights_come_without_their_network(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    expected = save(path).state_dict()
    payload = torch.load(path, weights_only=True)
    torch.save({**payload, "kind": "of another program"}, path)
    weights, info = load_weights(path, ("train_classifier", "train_segmenter"), class_names=CLASSES)
    assert info.kind == "of another program"
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], value) for name, value in expected.items())


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


def test_a_segmenter_of_an_earlier_version_comes_without_its_classification_head(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    model = save(path, Segmenter)
    assert not any(name.startswith("backbone.classification_head") for name in model.state_dict())
    for name, fits in (("backbone.classification_head.0.weight", True), ("backbone.other.weight", False)):
        payload = torch.load(path, weights_only=True)
        payload["weights"][name] = torch.zeros(2)
        torch.save(payload, tmp_path / "earlier.ckpt")
        if fits:
            loaded, _ = load_model(tmp_path / "earlier.ckpt", Segmenter)
            assert loaded.state_dict().keys() == model.state_dict().keys()
        else:
            with pytest.raises(InputError, match=r"1 tensors are missing, unknown.* `backbone.other.weight`"):
                load_model(tmp_path / "earlier.ckpt", Segmenter)


def test_no_flipped_bit_of_a_checkpoint_changes_what_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    save(path)

    def read(path: Path) -> tuple[object, bytes]:
        weights, info = load_weights(path)
        return info, b"".join(value.numpy().tobytes() for value in weights.values())

    refused, harmless, unseen = survivors(path, read, step=path.stat().st_size // 150)
    assert unseen == []
    assert refused >= 149
    assert harmless <= 2


def test_a_checkpoint_of_an_earlier_version_has_no_digest_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    save(path)
    weights, _ = load_weights(path)
    # any program that knows torch's files reads ours, and writes them without a digest
    torch.save(torch.load(path, weights_only=True), path)
    assert all(torch.equal(value, weights[name]) for name, value in load_weights(path)[0].items())


def test_a_network_of_data_without_background_comes_back_without(tmp_path: Path) -> None:
    names = ("no background", *CLASSES[1:])
    model = build_model(Segmenter, SETTINGS[Segmenter], 2, background=False).eval()
    save(tmp_path / "model.ckpt", Segmenter, model=model, class_names=names)
    loaded, _ = load_model(tmp_path / "model.ckpt", Segmenter, class_names=names)
    images = torch.rand(1, 3, 64, 32)
    with torch.no_grad():
        assert torch.equal(loaded(images), model(images))
        assert (loaded(images).argmax(1) > 0).all()
    with pytest.raises(InputError, match="its class 0 is `no background`, the index has `background`"):
        load_model(tmp_path / "model.ckpt", Segmenter, class_names=CLASSES)
