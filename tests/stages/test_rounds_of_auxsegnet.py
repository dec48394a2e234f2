"""The stages `train_auxsegnet` and `update_labels`, and what reads what they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import make_voc
from wsss.config import Cams, Protocol, SeedLabels, TrainClassifier, VocData
from wsss.config.rounds import TrainAuxsegnet, UpdateLabels
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.images import read_map, resize_map
from wsss.errors import InputError
from wsss.models import AuxSegNet
from wsss.ops.cams import refine_cams
from wsss.ops.pseudo_labels import fuse_cams_with_saliency
from wsss.stages.cams import cams
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.seed_labels import seed_labels
from wsss.stages.train_auxsegnet import train_auxsegnet
from wsss.stages.train_classifier import train_classifier
from wsss.stages.update_labels import update_labels
from wsss.store import ArtifactReader, ArtifactWriter
from wsss.training.checkpoint import load_model, load_weights, save_model

BACKBONE = {"name": "test_resnet", "weights": "auto", "output_stride": 16, "frozen_stages": 1}
TRAINING: dict[str, Any] = {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 1, "batch_size": 2}
NETWORK = {"channels": 8, "atrous_rates": [1, 2, 3]}
NO_CRF = {"saliency_crf": None}
CPU = RunContext(device="cpu")


class Run:
    """A tiny data set with a classifier, CAMs, saliency and seeds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_voc(root / "voc", train=6, val=3)
        self.index, self.saliency = root / "index.h5", root / "saliency.h5"
        index(VocData(root=str(root / "voc"), classes="classes.txt"), output=self.index)
        self.dataset = load_dataset(self.index)
        with ArtifactWriter(self.saliency, stage="saliency") as artifact:
            for image_id in self.dataset.ids("train"):
                mask = self.dataset.mask(image_id)
                assert mask is not None
                artifact["saliency", image_id] = np.where(mask > 0, 200, 20).astype(np.uint8)
        self.classifier, self.cams = root / "classifier/model.ckpt", root / "cams.h5"
        settings = TrainClassifier.parse({**TRAINING, "backbone": {**BACKBONE, "weights": "none"}})
        train_classifier(settings, index=self.index, output=self.classifier, context=CPU)
        cams(Cams(scales=(1.0,)), index=self.index, classifier=self.classifier, output=self.cams, context=CPU)
        self.seeds = root / "round0/labels.h5"
        rule = SeedLabels(cam_threshold=0.0, saliency_threshold=0.5, background_cam_threshold=1.0)
        seed_labels(rule, index=self.index, cams=self.cams, saliency=self.saliency, output=self.seeds, context=CPU)
        self.model = root / "round0/model.ckpt"
        self.train(self.seeds, self.classifier, self.model)

    def train(self, labels: Path, weights: Path, output: Path, **changes: Any) -> None:
        settings = TrainAuxsegnet.parse({**TRAINING, "network": NETWORK, **changes})
        train_auxsegnet(settings, index=self.index, labels=labels, weights=weights, output=output, context=CPU)

    def update(self, output: Path, context: RunContext = CPU, model: Path | None = None, **changes: Any) -> Path:
        update_labels(
            UpdateLabels.parse({**NO_CRF, **changes}),
            index=self.index,
            model=model or self.model,
            saliency=self.saliency,
            output=output,
            context=context,
        )
        return output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


def test_a_round_starts_from_the_classifier_and_the_next_from_it(run: Run, tmp_path: Path) -> None:
    # rates so small that a step changes nothing that the eye of this test can see
    slow = {"optimizer": {"learning_rate": 1e-12}}
    run.train(run.seeds, run.classifier, tmp_path / "a/model.ckpt", **slow)
    first = load_weights(tmp_path / "a/model.ckpt", "train_auxsegnet")[0]
    classifier = load_weights(run.classifier)[0]
    for name, value in classifier.items():
        assert torch.allclose(first[name], value, atol=1e-6), name
    assert len(first) > len(classifier)
    run.train(run.seeds, run.model, tmp_path / "b/model.ckpt", **slow)
    before, after = (load_weights(path)[0] for path in (run.model, tmp_path / "b/model.ckpt"))
    assert all(torch.allclose(after[name], value, atol=1e-6) for name, value in before.items())
    assert not all(torch.allclose(first[name], value, atol=1e-6) for name, value in before.items())


def test_training_leaves_what_every_training_leaves(run: Run) -> None:
    names = {path.name for path in run.model.parent.iterdir()}
    assert names == {"labels.h5", "model.ckpt", "metrics.json", "curves.csv"}
    _, info = load_weights(run.model, "train_auxsegnet", class_names=run.dataset.class_names)
    assert info.attributes["inputs"].keys() == {"index", "labels", "weights"}
    assert info.metrics["validation"]["miou"] is not None
    assert "saliency" in run.model.with_name("curves.csv").read_text().splitlines()[0]


def test_losses_of_aalr_can_join_a_round(run: Run, tmp_path: Path) -> None:
    further = {"adaptive_affinity": {"weight": 1.0, "offset": 1}, "label_reassign": {"weight": 1.0}}
    # labels are reassigned within an image's own classes, also where nothing learns to classify
    alone = {**NETWORK, "saliency": False, "classification": False, "affinity": "off"}
    for name, network in (("whole", NETWORK), ("alone", alone)):
        model = tmp_path / name / "model.ckpt"
        run.train(run.seeds, run.classifier, model, network=network, **further)
        curves = model.with_name("curves.csv").read_text().splitlines()[0].split(",")
        assert {"adaptive_affinity", "label_reassign"} < set(curves)
        assert model.with_name("epochs.csv").read_text().startswith("epoch,step,reassigned,reassigned background,")
    # a training without them leaves no numbers of the one before
    model.unlink()
    run.train(run.seeds, run.classifier, model, network=alone)
    assert not model.with_name("epochs.csv").exists()


def test_another_backbone_than_the_classifier_s_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"backbone\.name is `resnet50`, but .* has the backbone `test_resnet`"):
        run.train(run.seeds, run.classifier, tmp_path / "m.ckpt", backbone={**BACKBONE, "name": "resnet50"})
    with pytest.raises(InputError, match="goes on from the classifier's weights"):
        run.train(run.seeds, run.classifier, tmp_path / "m.ckpt", backbone={**BACKBONE, "weights": "none"})


def test_labels_without_saliency_need_a_network_without_it(run: Run, tmp_path: Path) -> None:
    labels = tmp_path / "labels.h5"
    rule = SeedLabels(rule="background_threshold", cam_threshold=0.1)
    seed_labels(rule, index=run.index, cams=run.cams, saliency=None, output=labels, context=CPU)
    with pytest.raises(InputError, match="6 of 6 training images have no saliency labels"):
        run.train(labels, run.classifier, tmp_path / "model.ckpt")
    alone = {**NETWORK, "saliency": False, "classification": False, "affinity": "off"}
    run.train(labels, run.classifier, tmp_path / "model.ckpt", network=alone)
    assert (tmp_path / "model.ckpt").is_file()


def test_updated_labels_are_what_the_network_says(run: Run, tmp_path: Path) -> None:
    thresholds = {"cam_threshold": 0.3, "saliency_threshold": 0.45, "background_cam_threshold": 0.6}
    made = ArtifactReader(run.update(tmp_path / "labels.h5", **thresholds), "update_labels")
    network, original = load_model(run.model, AuxSegNet)[0], ArtifactReader(run.saliency)
    for image_id in run.dataset.ids("train"):
        image = torch.from_numpy(run.dataset.image(image_id).copy()).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            output = network(image)
        present, size = run.dataset.image_labels(image_id), run.dataset.size(image_id)
        refined = refine_cams(output.cams, output.pairwise_affinity)[0].numpy()
        stored = made["cams"].attributes(image_id)["classes"]
        assert stored.tolist() == (np.flatnonzero(present) + 1).tolist()
        assert np.allclose(made["cams"][image_id], refined[present > 0], atol=2e-3)
        soft = resize_map(output.refined_saliency_logits.sigmoid()[0, 0].numpy(), size)
        mean = (soft + original.read("saliency", image_id) / 255) / 2
        assert np.abs(made["saliency"][image_id] - mean * 255).max() < 0.6
        whole = np.stack([resize_map(plane, size) for plane in refined])
        expected = fuse_cams_with_saliency(whole, made["saliency"][image_id] / np.float32(255), present, **thresholds)
        assert (made["segmentation"][image_id] == expected).mean() > 0.999


def make_bold(run: Run, path: Path) -> None:
    """Spreads what a hardly trained network says of saliency over [0, 1], so that there is something to see."""
    network, info = load_model(path, AuxSegNet)
    assert network.saliency is not None
    image = torch.from_numpy(run.dataset.image(run.dataset.ids("train")[0]).copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        logits = network(image).saliency_logits
        network.saliency.tail[-1].weight *= 2 / logits.std()
    kept = {"model_settings": info.model_settings, "class_names": info.class_names, "attributes": info.attributes}
    save_model(path, stage=info.stage, model=network, metrics=info.metrics, **kept)


def test_soft_saliency_survives_storing(run: Run, tmp_path: Path) -> None:
    """The released code reads back zeros from its palette images with newer versions of Pillow."""
    model = tmp_path / "model.ckpt"
    run.train(run.seeds, run.classifier, model, network={**NETWORK, "affinity": "off"})
    make_bold(run, model)
    made = ArtifactReader(run.update(tmp_path / "labels.h5", model=model))
    for image_id in run.dataset.ids("train"):
        soft = made["saliency"][image_id]
        assert soft.dtype == np.uint8
        assert len(np.unique(soft)) > 10
        path = tmp_path / f"{image_id}.png"
        Image.fromarray(soft).save(path)
        assert (read_map(path) == soft).all()


@pytest.mark.parametrize(
    "changes", [{"batch_size": 1}, {"batch_size": 4, "workers": 2}], ids=["one by one", "in processes"]
)
def test_labels_do_not_depend_on_batches_and_workers(run: Run, tmp_path: Path, changes: dict[str, Any]) -> None:
    first = ArtifactReader(run.update(tmp_path / "a.h5", RunContext(device="cpu", batch_size=3)))
    second = ArtifactReader(run.update(tmp_path / "b.h5", RunContext(device="cpu", **changes)))
    for image_id in run.dataset.ids("train"):
        assert (first["segmentation"][image_id] == second["segmentation"][image_id]).mean() > 0.999
        difference = first["saliency"][image_id].astype(int) - second["saliency"][image_id]
        assert np.abs(difference).max() <= 1


def test_the_crf_follows_the_photograph(run: Run, tmp_path: Path) -> None:
    crf = {"iterations": 5, "bilateral_sxy": 20, "bilateral_srgb": 20}
    plain = ArtifactReader(run.update(tmp_path / "a.h5"))
    smooth = ArtifactReader(run.update(tmp_path / "b.h5", saliency_crf=crf))
    for image_id in run.dataset.ids("train"):
        mask = run.dataset.mask(image_id)
        assert mask is not None
        inside = (mask > 0) & (mask < 255)
        contrast = [
            reader["saliency"][image_id][inside].mean() - reader["saliency"][image_id][mask == 0].mean()
            for reader in (plain, smooth)
        ]
        assert contrast[1] > contrast[0] > 0


def test_settings_switch_parts_off(run: Run, tmp_path: Path) -> None:
    made = ArtifactReader(run.update(tmp_path / "a.h5", save_cams=False))
    assert made.kinds() == ["saliency", "segmentation"]
    normalized = ArtifactReader(run.update(tmp_path / "b.h5", refine_cams=False))
    for image_id in run.dataset.ids("train"):
        top = normalized["cams"][image_id].max((1, 2))
        assert np.allclose(top[top > 0], 1, atol=1e-2)
    larger = ArtifactReader(run.update(tmp_path / "c.h5", scale=2.0))
    image_id = run.dataset.ids("train")[0]
    assert larger["cams"][image_id].shape[1] > normalized["cams"][image_id].shape[1]
    assert larger["segmentation"][image_id].shape == run.dataset.size(image_id)


def test_without_a_saliency_branch_the_original_maps_stay(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "model.ckpt"
    run.train(run.seeds, run.classifier, model, network={**NETWORK, "saliency": False, "affinity": "segmentation"})
    made, original = ArtifactReader(run.update(tmp_path / "a.h5", model=model)), ArtifactReader(run.saliency)
    for image_id in run.dataset.ids("train"):
        assert (made["saliency"][image_id] == original["saliency"][image_id]).all()


def test_a_network_without_cams_is_refused(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "model.ckpt"
    run.train(run.seeds, run.classifier, model, network={**NETWORK, "classification": False})
    with pytest.raises(InputError, match="has no classification branch"):
        run.update(tmp_path / "labels.h5", model=model)
    with pytest.raises(InputError, match="was written by stage train_classifier"):
        run.update(tmp_path / "labels.h5", model=run.classifier)
    assert not (tmp_path / "labels.h5").exists()


def test_a_killed_update_goes_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wsss.stages.update_labels as stage

    original, calls = stage.refine_cams, []

    def failing(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    context = RunContext(device="cpu", batch_size=1)
    monkeypatch.setattr(stage, "refine_cams", failing)
    with pytest.raises(KeyboardInterrupt):
        run.update(tmp_path / "labels.h5", context)
    assert not (tmp_path / "labels.h5").exists()
    run.update(tmp_path / "labels.h5", context)
    assert len(calls) == 3 + 6 - 2  # two images were kept from the first attempt
    assert ArtifactReader(tmp_path / "labels.h5").ids("segmentation") == sorted(run.dataset.ids("train"))


def test_the_next_round_learns_from_the_updated_labels(run: Run, tmp_path: Path) -> None:
    # the CAMs of a network of one step lie anywhere; all that is salient is taken
    rule = {"cam_threshold": 0.0, "saliency_threshold": 0.3, "background_cam_threshold": 1.0}
    labels = run.update(tmp_path / "round1/labels.h5", **rule)
    run.train(labels, run.model, tmp_path / "round1/model.ckpt")
    _, info = load_weights(tmp_path / "round1/model.ckpt", "train_auxsegnet")
    assert info.attributes["inputs"]["labels"] == ArtifactReader(labels).attributes["fingerprint"]


def test_a_round_s_network_is_a_predictor(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "auxsegnet_round0--multi.h5"
    protocol = Protocol(scales=(1.0, 1.5), flip=True)
    predict(protocol, index=run.index, model=run.model, split="val", output=output, context=CPU)
    with ArtifactReader(output, "predict") as reader:
        assert reader.attributes["model"] == "auxsegnet_round0"
        assert all(reader["segmentation"][i].shape == run.dataset.size(i) for i in run.dataset.ids("val"))
