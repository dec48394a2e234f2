"""The stage `train_auxsegnet`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.stages.evaluated import make_run
from tests.stages.rounds import BACKBONE, CPU, NETWORK, Rounds
from wsss.config import SeedLabels
from wsss.config.rounds import TrainAuxsegnet
from wsss.errors import InputError
from wsss.models.auxsegnet import AuxSegNet
from wsss.stages.seed_labels import seed_labels
from wsss.stages.train_auxsegnet import train_auxsegnet
from wsss.store import ArtifactReader
from wsss.training.checkpoint import build_model, load_weights


def test_a_round_starts_from_the_classifier_and_the_next_from_it(rounds: Rounds, tmp_path: Path) -> None:
    # rates so small that a step changes nothing that the eye of this test can see
    slow = {"optimizer": {"learning_rate": 1e-12}}
    rounds.train(rounds.seeds, rounds.classifier, tmp_path / "a/model.ckpt", **slow)
    first = load_weights(tmp_path / "a/model.ckpt", "train_auxsegnet")[0]
    classifier = load_weights(rounds.classifier)[0]
    for name, value in classifier.items():
        assert torch.allclose(first[name], value, atol=1e-6), name
    assert len(first) > len(classifier)
    rounds.train(rounds.seeds, rounds.model, tmp_path / "b/model.ckpt", **slow)
    before, after = (load_weights(path)[0] for path in (rounds.model, tmp_path / "b/model.ckpt"))
    assert all(torch.allclose(after[name], value, atol=1e-6) for name, value in before.items())
    assert not all(torch.allclose(first[name], value, atol=1e-6) for name, value in before.items())


def test_training_leaves_what_every_training_leaves(rounds: Rounds) -> None:
    names = {path.name for path in rounds.model.parent.iterdir()}
    assert names == {"labels.h5", "model.ckpt", "metrics.json", "curves.csv"}
    _, info = load_weights(rounds.model, "train_auxsegnet", class_names=rounds.dataset.class_names)
    assert info.attributes["inputs"].keys() == {"index", "labels", "weights"}
    assert info.metrics["validation"]["miou"] is not None
    assert "saliency" in rounds.model.with_name("curves.csv").read_text().splitlines()[0]


def test_losses_of_aalr_can_join_a_round(rounds: Rounds, tmp_path: Path) -> None:
    further = {"adaptive_affinity": {"weight": 1.0, "offset": 1}, "label_reassign": {"weight": 1.0}}
    # labels are reassigned within an image's own classes, also where nothing learns to classify
    alone = {**NETWORK, "saliency": False, "classification": False, "affinity": "off"}
    for name, network in (("whole", NETWORK), ("alone", alone)):
        model = tmp_path / name / "model.ckpt"
        rounds.train(rounds.seeds, rounds.classifier, model, network=network, **further)
        curves = model.with_name("curves.csv").read_text().splitlines()[0].split(",")
        assert {"adaptive_affinity", "label_reassign"} < set(curves)
        assert model.with_name("epochs.csv").read_text().startswith("epoch,step,reassigned,reassigned background,")
    # a training without them leaves no numbers of the one before
    model.unlink()
    rounds.train(rounds.seeds, rounds.classifier, model, network=alone)
    assert not model.with_name("epochs.csv").exists()


def test_another_backbone_than_the_classifier_s_is_refused(rounds: Rounds, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"backbone\.name is `resnet50`, but .* has the backbone `test_resnet`"):
        rounds.train(rounds.seeds, rounds.classifier, tmp_path / "m.ckpt", backbone={**BACKBONE, "name": "resnet50"})
    with pytest.raises(InputError, match="goes on from the classifier's weights"):
        rounds.train(rounds.seeds, rounds.classifier, tmp_path / "m.ckpt", backbone={**BACKBONE, "weights": "none"})


def test_round_0_starts_from_the_weights_of_its_backbone(rounds: Rounds, tmp_path: Path) -> None:
    model, backbone = tmp_path / "model.ckpt", {**BACKBONE, "weights": "none"}
    still = {"optimizer": {"name": "sgd", "learning_rate": 1e-12}, "start": "backbone", "backbone": backbone}
    rounds.train(rounds.seeds, None, model, **still)
    weights, info = load_weights(model, "train_auxsegnet")
    assert "weights" not in info.attributes["inputs"]
    fresh = build_model(
        AuxSegNet, {"backbone": backbone, **NETWORK}, rounds.dataset.num_classes, seed=CPU.seed
    ).state_dict()
    assert fresh.keys() == weights.keys()
    assert all(torch.allclose(weights[name], value, atol=1e-6) for name, value in fresh.items())
    # a later round goes on from the one before
    rounds.train(rounds.seeds, model, tmp_path / "round1.ckpt", **still)
    _, info = load_weights(tmp_path / "round1.ckpt", "train_auxsegnet")
    assert info.attributes["inputs"]["weights"]


def test_weights_of_one_s_own_are_no_artifact_of_the_run(
    rounds: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.pth"
    file.write_bytes(b"weights")
    monkeypatch.setattr("wsss.stages.train_auxsegnet.weights_file", lambda backbone: file)
    own = {"start": "backbone", "backbone": {**BACKBONE, "weights": "none"}}
    rounds.train(rounds.seeds, None, tmp_path / "model.ckpt", **own)
    _, info = load_weights(tmp_path / "model.ckpt", "train_auxsegnet")
    # `wsss verify` looks for what is called like an input of the stage among the artifacts of the run
    assert info.attributes["inputs"].keys() == {"index", "labels", "backbone"}


def test_a_start_that_contradicts_the_settings_is_refused(rounds: Rounds, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train_auxsegnet\.start is `classifier`: pass --weights FILE"):
        rounds.train(rounds.seeds, None, tmp_path / "model.ckpt")
    with pytest.raises(InputError, match="train_classifier"):
        rounds.train(rounds.seeds, rounds.classifier, tmp_path / "model.ckpt", start="backbone")
    assert not (tmp_path / "model.ckpt").exists()


def test_labels_without_saliency_need_a_network_without_it(rounds: Rounds, tmp_path: Path) -> None:
    labels = tmp_path / "labels.h5"
    rule = SeedLabels(rule="background_threshold", cam_threshold=0.1)
    seed_labels(rule, index=rounds.index, cams=rounds.cams, saliency=None, output=labels, context=CPU)
    with pytest.raises(InputError, match="has no saliency labels; let the stage that makes them use saliency"):
        rounds.train(labels, rounds.classifier, tmp_path / "model.ckpt")
    alone = {**NETWORK, "saliency": False, "classification": False, "affinity": "off"}
    rounds.train(labels, rounds.classifier, tmp_path / "model.ckpt", network=alone)
    assert (tmp_path / "model.ckpt").is_file()


def test_the_next_round_learns_from_the_updated_labels(rounds: Rounds, tmp_path: Path) -> None:
    # the CAMs of a network of one step lie anywhere; all that is salient is taken
    rule = {"cam_threshold": 0.0, "saliency_threshold": 0.3, "background_cam_threshold": 1.0}
    labels = rounds.update(tmp_path / "round1/labels.h5", **rule)
    rounds.train(labels, rounds.model, tmp_path / "round1/model.ckpt")
    _, info = load_weights(tmp_path / "round1/model.ckpt", "train_auxsegnet")
    assert info.attributes["inputs"]["labels"] == ArtifactReader(labels).attributes["fingerprint"]


def test_data_without_background_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path, background=False)
    with pytest.raises(InputError, match=r"index.h5: data.background is false, but train_auxsegnet learns saliency"):
        train_auxsegnet(
            TrainAuxsegnet(),
            index=run.path("index"),
            labels=run.path("perfect"),
            weights=tmp_path / "model.ckpt",
            output=tmp_path / "out.ckpt",
        )
