from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stages.evaluated import make_run
from tests.stages.networks import Networks
from wsss.config import SeedLabels
from wsss.context import RunContext
from wsss.data.artifacts import IndexedArtifact
from wsss.errors import InputError
from wsss.stages.seed_labels import seed_labels, strongest_cam
from wsss.store import ArtifactReader, ArtifactWriter


def test_seed_labels_by_both_rules(networks: Networks, made_cams: Path, tmp_path: Path) -> None:
    inputs = {"index": networks.index, "cams": made_cams}
    fusion = SeedLabels(strong_cam_threshold=None)
    output = tmp_path / "a.h5"
    seed_labels(fusion, **inputs, saliency=networks.saliency, output=output, context=RunContext(workers=2))
    settings = SeedLabels(rule="background_threshold", cam_threshold=0.5)
    seed_labels(settings, **inputs, saliency=None, output=tmp_path / "b.h5")
    fused, alone = ArtifactReader(tmp_path / "a.h5", "seed_labels"), ArtifactReader(tmp_path / "b.h5", "seed_labels")
    for image_id in networks.dataset.ids("train"):
        labels, salient = fused["segmentation"][image_id], fused["saliency"][image_id] > 0
        allowed = {0, 255, *(np.flatnonzero(networks.dataset.image_labels(image_id)) + 1)}
        assert labels.shape == networks.dataset.size(image_id)
        assert set(np.unique(labels)) <= allowed
        assert not (labels[salient] == 0).any()
        assert set(np.unique(labels[~salient])) <= {0, 255}
        assert 255 not in alone["segmentation"][image_id]
    assert alone.kinds() == ["segmentation"]


def test_seed_labels_by_saliency_need_saliency(networks: Networks, made_cams: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="saliency maps are needed"):
        seed_labels(SeedLabels(), index=networks.index, cams=made_cams, saliency=None, output=tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()


@pytest.mark.parametrize(
    ("maps", "salient"),
    [
        ({"source": "rembg"}, 0.1),
        ({"source": "superpixels"}, 0.1),
        ({"source": "superpixels", "gamma": 0.5}, 0.3162),
        ({"source": "folder", "folder": "maps"}, 0.06),
        ({}, 0.06),
    ],
)
def test_thresholds_belong_to_the_source_that_the_maps_name(
    networks: Networks, made_cams: Path, tmp_path: Path, maps: dict[str, Any], salient: float
) -> None:
    saliency = write_saliency(networks, tmp_path / "s.h5", settings=json.dumps(maps))
    inputs = {"index": networks.index, "cams": made_cams, "saliency": saliency}
    seed_labels(SeedLabels(), **inputs, output=tmp_path / "auto.h5")
    seed_labels(SeedLabels(saliency_threshold=0.2), **inputs, output=tmp_path / "own.h5")
    with ArtifactReader(tmp_path / "auto.h5", "seed_labels") as reader:
        own = reader.attributes["settings"]
    assert (own["saliency_threshold"], own["background_cam_threshold"]) == (salient, 0.6)
    with ArtifactReader(tmp_path / "own.h5", "seed_labels") as reader:
        assert reader.attributes["settings"]["saliency_threshold"] == 0.2


def test_classes_that_saliency_misses_get_their_strong_cams(
    networks: Networks, made_cams: Path, tmp_path: Path
) -> None:
    saliency = write_saliency(networks, tmp_path / "s.h5")
    inputs = {"index": networks.index, "cams": made_cams, "saliency": saliency}
    for name, strong in (("with", 0.5), ("without", None)):
        seed_labels(SeedLabels(strong_cam_threshold=strong), **inputs, output=tmp_path / f"{name}.h5")
    with ArtifactReader(tmp_path / "with.h5") as found, ArtifactReader(tmp_path / "without.h5") as paper:
        for image_id in networks.dataset.ids("train"):
            assert set(np.unique(paper.read("segmentation", image_id))) <= {0, 255}
            score, label = strongest_cam(ArtifactReader(made_cams), image_id, networks.dataset.size(image_id))
            labels = found.read("segmentation", image_id)
            assert (labels[score > 0.5] == label[score > 0.5]).all()
            assert set(np.unique(labels[score <= 0.5])) == {0}


def write_saliency(networks: Networks, path: Path, settings: str = "{}") -> Path:
    """Maps in which nothing is salient."""
    with ArtifactWriter(path, stage="saliency", attributes={"settings": settings}) as writer:
        for image_id in networks.dataset.ids("train"):
            writer.write("saliency", image_id, np.zeros(networks.dataset.size(image_id), np.uint8))
    return path


def test_seeds_of_data_without_background(tmp_path: Path) -> None:
    run = make_run(tmp_path, background=False)
    inputs = {"index": run.path("index"), "cams": run.path("cams"), "saliency": None}
    with pytest.raises(InputError, match=r"seed_labels.rule is `background_threshold`, but .* set it to `classes`"):
        seed_labels(SeedLabels(rule="background_threshold"), **inputs, output=tmp_path / "a.h5")
    seed_labels(SeedLabels(rule="classes"), **inputs, output=tmp_path / "a.h5")
    reader = IndexedArtifact(tmp_path / "a.h5", "seed_labels", run.dataset)
    assert reader.kinds() == ["segmentation"]
    for image_id in run.dataset.ids("train"):
        labels, named = reader.read("segmentation", image_id), np.flatnonzero(run.dataset.image_labels(image_id)) + 1
        assert {*np.unique(labels).tolist()} - {255} == {*named.tolist()}
        # one class alone is sure everywhere
        assert len(named) > 1 or not (labels == 255).any()
        truth = run.dataset.mask(image_id)
        assert truth is not None
        assert (labels == truth)[truth < 255].mean() > 0.9
