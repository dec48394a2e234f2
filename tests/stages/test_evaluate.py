from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.stages.evaluated import Run, make_run, write_labels, write_prediction
from wsss.config import Crf, Evaluate, Protocol
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.ops.metrics import confusion_matrix, label_scores
from wsss.stages.evaluate import evaluate
from wsss.store import ArtifactReader


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"))


def evaluate_run(run: Run, folder: str = "evaluation", *, workers: int = 0, **changes) -> dict:
    output = run.folder / folder / "metrics.json"
    inputs = {
        "index": run.path("index"),
        "saliency": run.path("saliency"),
        "cams": run.path("cams"),
        "labels": {"eroded": run.path("eroded"), "perfect": run.path("perfect")},
        "predictions": {name: run.path(name) for name in ("segmenter_seeds", "segmenter_masks")},
    }
    context = RunContext(run="tiny", seed=3, workers=workers)
    evaluate(Evaluate(), **(inputs | changes), output=output, context=context)
    return json.loads(output.read_text())


def record(metrics: dict, kind: str, name: str, split: str = "train") -> dict:
    return next(
        item for item in metrics["evaluations"] if (item["kind"], item["name"], item["split"]) == (kind, name, split)
    )


def rows(run: Run, name: str, folder: str = "evaluation") -> list[dict[str, str]]:
    with (run.folder / folder / name).open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def metrics(run) -> dict:
    return evaluate_run(run)


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


def test_every_number_says_how_it_was_made(run):
    maps = {i: np.zeros(run.dataset.size(i), np.uint8) for i in run.dataset.ids("val")}
    write_prediction(run, "multi", maps, Protocol(scales=(0.5, 1.0), flip=True, crf=Crf()))
    metrics = evaluate_run(run, "protocols", predictions={"multi": run.path("multi")})
    assert record(metrics, "predictions", "multi", "val")["protocol"] == (
        "val; 3 images; protocol single; scales 0.5, 1; flip; CRF; truth 255 left out"
    )
    assert record(metrics, "labels", "eroded")["protocol"] == (
        "train; 5 images; class where saliency > 0.06 and CAM > 0.2, background where saliency ≤ 0.06 and CAM ≤ 0.2, "
        "255 elsewhere; scales 0.5, 1, 1.5, 2; flip; no CRF; label 255 a miss in IoU and recall, left out of "
        "precision; truth 255 left out"
    )
    assert all(item["protocol"] for item in metrics["evaluations"])
    assert set(metrics["definitions"]) >= {"miou", "precision", "coverage"}


def test_tables_hold_the_same_numbers(run, metrics):
    summary = rows(run, "summary.csv")
    assert len(summary) == len(metrics["evaluations"])
    eroded = next(row for row in summary if row["name"] == "eroded")
    assert float(eroded["coverage"]) == record(metrics, "labels", "eroded")["metrics"]["coverage"]
    per_class = [row for row in rows(run, "per_class.csv") if row["name"] == "eroded"]
    assert [row["class"] for row in per_class] == metrics["data"]["class_names"]
    assert float(per_class[1]["iou"]) == record(metrics, "labels", "eroded")["classes"]["iou"][1]
    assert len(rows(run, "sweeps.csv")) == 100 + metrics["fusion_scan"]["points"]


def test_rows_per_image(run, metrics):
    found = {(row["image"], row["name"]): row for row in rows(run, "per_image.csv")}
    image_id = run.dataset.ids("train")[0]
    with ArtifactReader(run.path("eroded")) as first, ArtifactReader(run.path("perfect")) as second:
        before, after = (reader.read("segmentation", image_id) for reader in (first, second))
    assert found[image_id, "eroded"]["change"] == ""
    assert float(found[image_id, "perfect"]["change"]) == pytest.approx(np.mean(before != after), abs=1e-6)
    assert float(found[image_id, "eroded"]["coverage"]) == pytest.approx(np.mean(before != 255), abs=1e-6)
    assert float(found[image_id, "perfect"]["iou"]) == 1
    assert len(found) == 5 * 3 + 3 * 3


def test_inputs_are_found_from_the_file(run, metrics):
    folder = run.folder / "evaluation"
    assert (folder / metrics["inputs"]["labels"]["eroded"]).resolve() == run.path("eroded").resolve()
    assert (folder / metrics["inputs"]["index"]).is_file()
    assert metrics["seed"] == 3
    with ArtifactReader(run.path("cams")) as reader:
        assert metrics["inputs"]["fingerprints"]["cams"] == reader.attributes["fingerprint"]


def test_worker_processes_change_nothing(run, metrics):
    other = evaluate_run(run, "with_workers", workers=2)
    assert other["evaluations"] == metrics["evaluations"]
    assert rows(run, "per_image.csv", "with_workers") == rows(run, "per_image.csv")


def test_without_masks_what_can_be_said_is_said(tmp_path):
    run = make_run(tmp_path, masks=False)
    metrics = evaluate_run(run)
    labels = record(metrics, "labels", "eroded")
    assert labels["metrics"]["miou"] is None
    assert labels["metrics"]["precision"] is None
    assert 0.4 < labels["metrics"]["coverage"] < 0.6
    assert sum(labels["classes"]["label_share"]) == pytest.approx(labels["metrics"]["coverage"], abs=1e-5)
    assert labels["protocol"].endswith("no true masks: only numbers that need none")
    assert record(metrics, "cams", "cams")["metrics"]["miou"] is None
    assert record(metrics, "predictions", "segmenter_masks", "val")["metrics"]["empty"] == 1
    assert metrics["fusion_scan"] is None
    assert metrics["data"]["splits"]["train"]["masks"] == 0
    assert rows(run, "per_image.csv")[-1]["iou"] == ""


def test_labels_without_foreground_are_warned_of(run, caplog):
    dataset = run.dataset
    write_labels(run, "black", {i: np.zeros(dataset.size(i), np.uint8) for i in dataset.ids("train")})
    write_labels(run, "blank", {i: np.full(dataset.size(i), 255, np.uint8) for i in dataset.ids("train")})
    sets = {"black": run.path("black"), "blank": run.path("blank")}
    metrics = evaluate_run(run, "warned", labels=sets, predictions={})
    assert any("`black` on train: 100% of the images have no foreground" in text for text in metrics["warnings"])
    assert any("`blank` on train: 100% of the images are 255 everywhere" in text for text in metrics["warnings"])
    assert "no foreground" in caplog.text
    assert record(metrics, "labels", "black")["metrics"]["absent"] == 1


def test_healthy_runs_are_not_warned_of(run):
    assert evaluate_run(run, "healthy", predictions={})["warnings"] == []


def test_labels_of_another_size_are_refused(run):
    dataset = run.dataset
    maps = {i: np.zeros(dataset.size(i), np.uint8) for i in dataset.ids("train")}
    first = dataset.ids("train")[0]
    maps[first] = np.zeros((5, 6), np.uint8)
    write_labels(run, "small", maps)
    with pytest.raises(InputError, match=f"small.h5: image `{first}`: the truth is .* labels are 5 x 6"):
        evaluate_run(run, "refused", labels={"small": run.path("small")})
    assert [path.name for path in (run.folder / "refused").iterdir()] == []


def test_label_of_no_class_is_refused(run):
    maps = {i: np.full(run.dataset.size(i), 77, np.uint8) for i in run.dataset.ids("train")}
    write_labels(run, "foreign", maps)
    with pytest.raises(InputError, match=r"label value 77 is no class \(0 to 3\)"):
        evaluate_run(run, "refused", labels={"foreign": run.path("foreign")})


def test_artifact_of_another_stage_is_refused(run):
    with pytest.raises(InputError, match="was written by stage cams; pass the file of stage seed_labels"):
        evaluate_run(run, "refused", labels={"wrong": run.path("cams")})


def test_missing_image_is_refused(run):
    ids = run.dataset.ids("train")
    write_labels(run, "partial", {i: np.zeros(run.dataset.size(i), np.uint8) for i in ids[1:]})
    with pytest.raises(InputError, match=f"no segmentation of image `{ids[0]}`"):
        evaluate_run(run, "refused", labels={"partial": run.path("partial")})


def test_no_torch():
    code = "import sys, wsss.stages.evaluate, wsss.stages.report; print([m for m in sys.modules if 'torch' in m])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_output_folder_is_made(run, tmp_path):
    output = Path(tmp_path / "new/folder/metrics.json")
    evaluate(Evaluate(sweep=False), index=run.path("index"), cams=run.path("cams"), output=output)
    assert json.loads(output.read_text())["fusion_scan"] is None
