"""The stage `evaluate`: what it reads, refuses and leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluation.judged import evaluate_run, record, rows
from tests.stages.evaluated import Run, make_run
from wsss.config import Evaluate
from wsss.errors import InputError
from wsss.stages.evaluate import evaluate
from wsss.store import ArtifactReader, ArtifactWriter


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def metrics(run) -> dict:
    return evaluate_run(run)


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


def test_saliency_of_training_images_alone_is_judged_there(tmp_path):
    run = make_run(tmp_path)
    with ArtifactReader(run.path("saliency")) as reader:
        maps = {image_id: reader["saliency"][image_id] for image_id in run.dataset.ids("train")}
    with ArtifactWriter(run.path("saliency"), stage="saliency", attributes={"split": "train"}) as writer:
        for image_id, values in maps.items():
            writer.write("saliency", image_id, values)
    metrics = evaluate_run(run)
    assert [item["split"] for item in metrics["evaluations"] if item["kind"] == "saliency"] == ["train"]
    assert record(metrics, "predictions", "segmenter_masks", "val")["images"] == len(run.dataset.ids("val"))


def test_artifact_of_another_stage_is_refused(run):
    with pytest.raises(InputError, match="was written by stage cams; pass the file of stage seed_labels"):
        evaluate_run(run, "refused", labels={"wrong": run.path("cams")})


def test_no_torch():
    code = "import sys, wsss.stages.evaluate, wsss.stages.report; print([m for m in sys.modules if 'torch' in m])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_output_folder_is_made(run, tmp_path):
    output = Path(tmp_path / "new/folder/metrics.json")
    evaluate(Evaluate(sweep=False), index=run.path("index"), cams=run.path("cams"), output=output)
    assert json.loads(output.read_text())["fusion_scan"] is None


def test_without_background_no_rule_that_makes_it_is_tried(tmp_path):
    assert evaluate_run(make_run(tmp_path, background=False))["fusion_scan"] is None
