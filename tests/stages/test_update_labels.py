"""The stage `update_labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.stages.rounds import NETWORK, Rounds
from wsss.context import RunContext
from wsss.data.images import read_map, resize_map
from wsss.errors import InputError
from wsss.models import AuxSegNet
from wsss.ops.cams import refine_cams
from wsss.ops.pseudo_labels import fuse_cams_with_saliency
from wsss.ops.upsampling import upsample
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_model, save_model


def test_updated_labels_are_what_the_network_says(rounds: Rounds, tmp_path: Path) -> None:
    thresholds = {"cam_threshold": 0.3, "saliency_threshold": 0.45, "background_cam_threshold": 0.6}
    made = ArtifactReader(rounds.update(tmp_path / "labels.h5", **thresholds), "update_labels")
    network, original = load_model(rounds.model, AuxSegNet)[0], ArtifactReader(rounds.saliency)
    for image_id in rounds.dataset.ids("train"):
        image = torch.from_numpy(rounds.dataset.network_image(image_id).copy()).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            output = network(image)
        present, size = rounds.dataset.image_labels(image_id), rounds.dataset.size(image_id)
        seen = rounds.dataset.network_size(image_id)
        stored_size = (seen[0] // 4, seen[1] // 4)
        refined = upsample(refine_cams(output.cams, output.pairwise_affinity), stored_size, network.grid)[0].numpy()
        stored = made["cams"].attributes(image_id)["classes"]
        assert stored.tolist() == (np.flatnonzero(present) + 1).tolist()
        assert np.allclose(made["cams"][image_id], refined[present > 0], atol=2e-3)
        soft = upsample(output.refined_saliency_logits.sigmoid(), seen, network.grid)[0, 0].numpy()
        mean = (soft + resize_map(original.read("saliency", image_id), seen) / np.float32(255)) / 2
        expected = resize_map((mean * 255).round().astype(np.uint8), size)
        assert np.abs(made["saliency"][image_id].astype(int) - expected).max() <= 1
        whole = np.stack([resize_map(plane, size) for plane in refined])
        expected = fuse_cams_with_saliency(whole, made["saliency"][image_id] / np.float32(255), present, **thresholds)
        assert (made["segmentation"][image_id] == expected).mean() > 0.999


def make_bold(rounds: Rounds, path: Path) -> None:
    """Spreads what a hardly trained network says of saliency over [0, 1], so that there is something to see."""
    network, info = load_model(path, AuxSegNet)
    assert network.saliency is not None
    first = rounds.dataset.network_image(rounds.dataset.ids("train")[0])
    image = torch.from_numpy(first).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        logits = network(image).saliency_logits
        network.saliency.tail[-1].weight *= 2 / logits.std()
    kept = {"model_settings": info.model_settings, "class_names": info.class_names, "attributes": info.attributes}
    save_model(path, stage=info.stage, model=network, metrics=info.metrics, **kept)


def test_soft_saliency_survives_storing(rounds: Rounds, tmp_path: Path) -> None:
    """The released code reads back zeros from its palette images with newer versions of Pillow."""
    model = tmp_path / "model.ckpt"
    rounds.train(rounds.seeds, rounds.classifier, model, network={**NETWORK, "affinity": "off"})
    make_bold(rounds, model)
    made = ArtifactReader(rounds.update(tmp_path / "labels.h5", model=model))
    for image_id in rounds.dataset.ids("train"):
        soft = made["saliency"][image_id]
        assert soft.dtype == np.uint8
        assert len(np.unique(soft)) > 10
        path = tmp_path / f"{image_id}.png"
        Image.fromarray(soft).save(path)
        assert (read_map(path) == soft).all()


@pytest.mark.parametrize(
    "changes", [{"batch_size": 1}, {"batch_size": 4, "workers": 2}], ids=["one by one", "in processes"]
)
def test_labels_do_not_depend_on_batches_and_workers(rounds: Rounds, tmp_path: Path, changes: dict[str, Any]) -> None:
    first = ArtifactReader(rounds.update(tmp_path / "a.h5", RunContext(device="cpu", batch_size=3)))
    second = ArtifactReader(rounds.update(tmp_path / "b.h5", RunContext(device="cpu", **changes)))
    for image_id in rounds.dataset.ids("train"):
        assert (first["segmentation"][image_id] == second["segmentation"][image_id]).mean() > 0.999
        difference = first["saliency"][image_id].astype(int) - second["saliency"][image_id]
        assert np.abs(difference).max() <= 1


def test_the_crf_follows_the_photograph(rounds: Rounds, tmp_path: Path) -> None:
    crf = {"iterations": 5, "bilateral_sxy": 20, "bilateral_srgb": 20}
    plain = ArtifactReader(rounds.update(tmp_path / "a.h5"))
    smooth = ArtifactReader(rounds.update(tmp_path / "b.h5", saliency_crf=crf))
    for image_id in rounds.dataset.ids("train"):
        mask = rounds.dataset.mask(image_id)
        assert mask is not None
        inside = (mask > 0) & (mask < 255)
        contrast = [
            reader["saliency"][image_id][inside].mean() - reader["saliency"][image_id][mask == 0].mean()
            for reader in (plain, smooth)
        ]
        assert contrast[1] > contrast[0] > 0


def test_settings_switch_parts_off(rounds: Rounds, tmp_path: Path) -> None:
    made = ArtifactReader(rounds.update(tmp_path / "a.h5", save_cams=False))
    assert made.kinds() == ["saliency", "segmentation"]
    normalized = ArtifactReader(rounds.update(tmp_path / "b.h5", refine_cams=False))
    for image_id in rounds.dataset.ids("train"):
        top = normalized["cams"][image_id].max((1, 2))
        # normalised on the features, whose peaks may lie between two of the stored pixels
        assert (top[top > 0] > 0.75).all()
        assert (top <= 1).all()
    larger = ArtifactReader(rounds.update(tmp_path / "c.h5", scale=2.0))
    image_id = rounds.dataset.ids("train")[0]
    # made of larger images, stored like all CAMs
    assert larger["cams"][image_id].shape == normalized["cams"][image_id].shape
    assert not np.allclose(larger["cams"][image_id], normalized["cams"][image_id], atol=1e-2)
    assert larger["segmentation"][image_id].shape == rounds.dataset.size(image_id)


def test_without_a_saliency_branch_the_original_maps_stay(rounds: Rounds, tmp_path: Path) -> None:
    model = tmp_path / "model.ckpt"
    rounds.train(
        rounds.seeds, rounds.classifier, model, network={**NETWORK, "saliency": False, "affinity": "segmentation"}
    )
    made, original = ArtifactReader(rounds.update(tmp_path / "a.h5", model=model)), ArtifactReader(rounds.saliency)
    for image_id in rounds.dataset.ids("train"):
        assert (made["saliency"][image_id] == original["saliency"][image_id]).all()


def test_a_network_without_cams_is_refused(rounds: Rounds, tmp_path: Path) -> None:
    model = tmp_path / "model.ckpt"
    rounds.train(rounds.seeds, rounds.classifier, model, network={**NETWORK, "classification": False})
    with pytest.raises(InputError, match="has no classification branch"):
        rounds.update(tmp_path / "labels.h5", model=model)
    with pytest.raises(InputError, match="was written by stage train_classifier"):
        rounds.update(tmp_path / "labels.h5", model=rounds.classifier)
    assert not (tmp_path / "labels.h5").exists()


def test_a_killed_update_goes_on(rounds: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        rounds.update(tmp_path / "labels.h5", context)
    assert not (tmp_path / "labels.h5").exists()
    rounds.update(tmp_path / "labels.h5", context)
    assert len(calls) == 3 + 6 - 2  # two images were kept from the first attempt
    assert ArtifactReader(tmp_path / "labels.h5").ids("segmentation") == sorted(rounds.dataset.ids("train"))
