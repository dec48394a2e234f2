"""Scores of counts."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.judged import evaluate_run, record, rows
from tests.stages.evaluated import make_run
from wsss.ops.metrics import class_scores, confusion_matrix, label_scores
from wsss.store import ArtifactReader


def test_perfect_labels_and_predictions_score_one(metrics):
    labels = record(metrics, "labels", "perfect")["metrics"]
    for name in ("precision", "coverage", "miou", "miou_labelled", "foreground_precision", "foreground_recall"):
        assert labels[name] == 1, name
    assert record(metrics, "predictions", "segmenter_seeds", "val")["metrics"]["miou"] == 1


def test_background_everywhere_scores_what_counting_gives(run, metrics):
    dataset = run.dataset
    masks = [dataset.mask(image_id) for image_id in dataset.ids("val")]
    background = sum(int((mask == 0).sum()) for mask in masks)
    judged = sum(int((mask != 255).sum()) for mask in masks)
    found = record(metrics, "predictions", "segmenter_masks", "val")
    present = {value for mask in masks for value in np.unique(mask).tolist() if value != 255}
    assert found["metrics"]["background_iou"] == pytest.approx(background / judged, abs=1e-6)
    assert found["metrics"]["pixel_accuracy"] == pytest.approx(background / judged, abs=1e-6)
    assert found["metrics"]["miou"] == pytest.approx(background / judged / len(present), abs=1e-6)
    assert found["metrics"]["empty"] == 1


def test_labels_with_255_score_what_counting_gives(run, metrics):
    dataset, total = run.dataset, 0
    with ArtifactReader(run.path("eroded")) as labels:
        for image_id in dataset.ids("train"):
            total = total + confusion_matrix(dataset.mask(image_id), labels.read("segmentation", image_id), 3)
    found = record(metrics, "labels", "eroded")["metrics"]
    for name, value in label_scores(total).items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    assert found["precision"] == 1
    assert 0.4 < found["coverage"] < 0.6
    assert found["miou"] == pytest.approx(found["class_recall"])


def test_saliency_and_cams(metrics):
    assert record(metrics, "saliency", "saliency")["metrics"]["iou_at_0.5"] == 1
    assert record(metrics, "saliency", "saliency", "val")["metrics"]["iou_at_0.06"] == 1
    cams = record(metrics, "cams", "cams")
    assert cams["metrics"]["miou"] == max(point["miou"] for point in cams["sweep"])
    assert cams["metrics"]["miou"] > 0.8
    assert metrics["fusion_scan"]["best_miou"]["miou"] >= cams["metrics"]["miou"]


def test_without_background_it_has_no_score(tmp_path):
    run = make_run(tmp_path, background=False)
    metrics = evaluate_run(run, saliency=None)
    dataset, total = run.dataset, 0
    with ArtifactReader(run.path("eroded")) as labels:
        for image_id in dataset.ids("train"):
            total = total + confusion_matrix(dataset.mask(image_id), labels.read("segmentation", image_id), 3)
    expected = class_scores(total).iou[1:]
    found = record(metrics, "labels", "eroded")
    assert found["classes"]["iou"][0] is None
    assert found["classes"]["iou"][1:] == pytest.approx(expected.tolist(), abs=1e-6)
    assert found["metrics"]["miou"] == pytest.approx(expected.mean(), abs=1e-6)
    for item in metrics["evaluations"]:
        assert not {"background_iou", "foreground_miou", "object_share"} & set(item["metrics"])
    assert record(metrics, "labels", "perfect")["metrics"]["miou"] == 1
    # weak CAMs are 255 and not background, so that no threshold is best
    cams = record(metrics, "cams", "cams")
    assert cams["metrics"]["threshold"] == 0
    assert "background" not in cams["protocol"]
    assert [point["coverage"] for point in cams["sweep"]] == sorted(
        (point["coverage"] for point in cams["sweep"]), reverse=True
    )
    assert cams["sweep"][0]["miou"] > 0.8
    assert not any("background" in text for text in metrics["definitions"].values())
    assert {row["class"] for row in rows(run, "per_class.csv")} == {*dataset.class_names[1:]}
