"""How numbers were made, in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.judged import evaluate_run, record
from tests.stages.evaluated import Run, make_rounds, make_run, write_prediction
from wsss.config import Crf, Protocol, SeedLabels
from wsss.evaluation.protocols import label_rule


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_rounds(tmp_path_factory.mktemp("rounds"))


def test_protocols_say_how_updated_labels_were_made(rounds: Run):
    metrics = json.loads((rounds.folder / "evaluation/metrics.json").read_text())
    protocols = {(item["kind"], item["name"]): item["protocol"] for item in metrics["evaluations"]}
    updated = protocols["labels", "auxsegnet_round1"]
    made = "refined CAMs and saliency (smoothed by a binary CRF): class where saliency > 0.3 and CAM > 0.1"
    assert made in updated
    assert "scale 1; no flip" in updated
    assert "scales 0.5, 1, 1.5, 2; flip" in protocols["labels", "seeds"]
    assert "smoothed by a binary CRF" in protocols["label_saliency", "auxsegnet_round2"]


def rule(**settings: object) -> str:
    own = SeedLabels.parse(settings)
    source = "folder" if own.rule == "saliency" else None
    return label_rule("seed_labels", own.for_maps(source, 1.0).model_dump(mode="json"))


def test_rules_are_told_as_they_are() -> None:
    alone = {"rule": "background_threshold", "cam_threshold": 0.3}
    assert rule(**alone) == "class where CAM > 0.3, background elsewhere"
    assert rule(**alone, background_cam_threshold=0.0).endswith("background where CAM ≤ 0.0, 255 between")
    assert rule(background_cam_threshold=0.5).endswith("saliency ≤ 0.06 and CAM ≤ 0.5, 255 elsewhere")
    assert rule(background_cam_threshold=None).endswith("CAM ≤ 0.2, 255 elsewhere")
    assert "and CAM > 0.2, a class that would be missed where CAM > 0.5, background" in rule()
    assert "and CAM > 0.2, background" in rule(strong_cam_threshold=None)


def test_cams_without_masks_to_sweep_a_threshold_on_say_none(tmp_path: Path):
    for masks, said in ((True, "background threshold swept on these masks; "), (False, "")):
        run = make_run(tmp_path / str(masks), masks=masks)
        labels = {"eroded": run.path("eroded")}
        metrics = evaluate_run(run, "cams", labels=labels, predictions={})
        assert record(metrics, "cams", "cams")["protocol"].startswith(f"train; 5 images; {said}scales 0.5, 1, 1.5, 2;")


def test_every_number_says_how_it_was_made(run):
    maps = {i: np.zeros(run.dataset.size(i), np.uint8) for i in run.dataset.ids("val")}
    write_prediction(run, "multi", maps, Protocol(scales=(0.5, 1.0), flip=True, crf=Crf()))
    metrics = evaluate_run(run, "protocols", predictions={"multi": run.path("multi")})
    assert record(metrics, "predictions", "multi", "val")["protocol"] == (
        "val; 3 images; protocol single; scales 0.5, 1; flip; CRF; truth 255 left out"
    )
    assert record(metrics, "labels", "eroded")["protocol"] == (
        "train; 5 images; class where saliency > 0.06 and CAM > 0.2, a class that would be missed where CAM > 0.5, "
        "background where saliency ≤ 0.06 and CAM ≤ 0.6, 255 elsewhere; scales 0.5, 1, 1.5, 2; flip; "
        "no CRF; label 255 a miss in IoU and recall, left out of "
        "precision; truth 255 left out"
    )
    assert all(item["protocol"] for item in metrics["evaluations"])
    assert set(metrics["definitions"]) >= {"miou", "precision", "coverage"}


def test_a_maximum_over_scales_is_told(run):
    maps = {i: np.zeros(run.dataset.size(i), np.uint8) for i in run.dataset.ids("val")}
    write_prediction(run, "largest", maps, Protocol(scales=(0.5, 1.0), combine="max"))
    found = record(
        evaluate_run(run, "largest", predictions={"largest": run.path("largest")}), "predictions", "largest", "val"
    )
    assert "scales 0.5, 1; no flip; maximum over them; no CRF" in found["protocol"]
    assert found["combine"] == "max"
