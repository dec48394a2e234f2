"""The whole pipeline, really run: a dozen tiny images, trainings of a few steps, killed once on the way."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.helpers import make_land
from tests.waiting import lives, wait_until
from tests.workflow.conftest import Project, copy_project
from tests.workflow.tiny import BOTH, TINY, make_maps
from wsss.stages.report import FIGURES
from wsss.store import ArtifactReader


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A finished run, and what Snakemake said in its second part: in the first it was killed during a training."""
    project = copy_project(tmp_path_factory.mktemp("real") / "project", made_up=False)
    make_maps(project.folder / "photos", project.folder / "maps")
    option = project.config(**TINY)
    state = project.folder / "results/my/classifier/.model.ckpt.state/training.pt"
    with project.start("classifiers", option) as snakemake:
        wait_until(lambda: state.is_file() or snakemake.poll() is not None)
        stages = psutil.Process(snakemake.pid).children(recursive=True)
        snakemake.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(lives, stages)))
    assert "stopped by SIGTERM" in (project.folder / "results/my/logs/train_classifier.log").read_text()
    assert not (project.folder / "results/my/classifier/model.ckpt").exists()
    project.snakemake("--unlock", option)
    return project, project.snakemake(option).stdout


def test_a_killed_run_goes_on_where_it_was(finished: tuple[Project, str]):
    project, said = finished
    assert "train_classifier: going on after step" in said
    assert "rule index:" not in said
    assert not list((project.folder / "results").rglob(".*.state"))
    assert not list((project.folder / "results").rglob("*.tmp"))


def test_every_artifact_says_where_it_came_from(finished: tuple[Project, str]):
    results = finished[0].folder / "results/my"
    stages = {
        "index": "index.h5",
        "saliency": "saliency.h5",
        "cams": "cams.h5",
        "seed_labels": "auxsegnet/round0/labels.h5",
        "update_labels": "auxsegnet/round1/labels.h5",
        "predict": "predictions/val/auxsegnet_round0--single.h5",
    }
    for stage, path in stages.items():
        with ArtifactReader(results / path, stage) as artifact:
            assert artifact.attributes["run"] == "my"
            assert artifact.attributes["seed"] == 0
            assert len(artifact.attributes["code"]) == 16
    content = json.loads((results / "evaluation/metrics.json").read_text())
    assert [(item["kind"], item["name"]) for item in content["evaluations"] if item["kind"] != "label_saliency"] == [
        ("saliency", "saliency"),
        ("cams", "cams"),
        ("labels", "seeds"),
        ("labels", "auxsegnet_round1"),
        ("predictions", "val/segmenter_seeds--single"),
        ("predictions", "val/auxsegnet_round0--single"),
    ]
    for record in content["evaluations"]:
        if record["kind"] == "saliency":
            assert record["metrics"]["iou_at_0.5"] > 0.99


def test_a_finished_run_has_nothing_to_do(finished: tuple[Project, str]):
    project = finished[0]
    assert project.would_write(project.config(**TINY)) == set()


def test_the_page_and_its_figures_are_there(finished: tuple[Project, str]):
    results = finished[0].folder / "results/my"
    assert "</html>" in (results / "report.html").read_text()
    assert {path.name for path in (results / "report").iterdir()} == set(FIGURES)


def test_the_summary_shows_all_stages(finished: tuple[Project, str]):
    project = finished[0]
    command = [sys.executable, "-m", "wsss.cli", "summary", "results/my"]
    result = subprocess.run(
        command, cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    for path in (project.folder / "results/my/benchmarks").iterdir():
        assert path.stem in result.stdout
        with path.open(newline="") as handle:
            assert float(next(csv.DictReader(handle, delimiter="\t"))["s"]) > 0
    assert "segmenter" in result.stdout or "network on seeds" in result.stdout


def test_a_stopped_snakemake_lets_a_training_save_its_state(finished: tuple[Project, str], tmp_path: Path):
    project = Project(shutil.copytree(finished[0].folder, tmp_path / "project"))
    # hours of steps, and none saves a state: only being told to stop does
    longer = {"runtime": {**TINY["runtime"], "checkpoint_minutes": 600}}
    option = project.config(**{**TINY, **longer, "train_classifier": {**TINY["train_classifier"], "max_steps": 10**6}})
    state = project.folder / "results/my/classifier/.model.ckpt.state"
    with project.start("classifiers", option) as snakemake:
        wait_until(lambda: (state / "tensorboard").is_dir() or snakemake.poll() is not None)
        snakemake.send_signal(signal.SIGTERM)
        wait_until(lambda: snakemake.poll() is not None)
    assert snakemake.returncode == 1
    assert (state / "training.pt").is_file()
    assert "stopped by SIGTERM after step" in (project.folder / "results/my/logs/train_classifier.log").read_text()
    # Snakemake has ended in order: it leaves no lock
    assert not list((project.folder / ".snakemake").glob("locks/*"))


def test_data_without_background_are_background_nowhere(tmp_path: Path):
    project = copy_project(tmp_path / "project", made_up=False)
    make_land(project.folder / "land")
    settings = {key: BOTH[key] for key in ("runtime", "train_classifier", "cams", "train_aalr", "predict", "report")}
    settings |= {"methods": ["aalr"], "train_segmenter": TINY["train_segmenter"], "aalr_labels": {"save_masks": True}}
    data = {"name": "folder", "root": "land", "masks": "masks", "background": False}
    project.snakemake(project.config(data=data, **settings))
    results = project.folder / "results/my"
    maps = {
        *(("auxsegnet/round0/labels.h5", "segmentation"), ("aalr/labels.h5", "segmentation")),
        *(("aalr/labels.h5", "masks"), ("aalr/labels.h5", "reassigned")),
        *((f"predictions/val/{model}--single.h5", "segmentation") for model in ("aalr", "segmenter_seeds")),
    }
    for path, kind in maps:
        with ArtifactReader(results / path) as artifact:
            found = [artifact.read(kind, image_id) for image_id in artifact.ids(kind)]
        assert found
        assert all(labels.all() for labels in found), f"{kind} of {path} holds 0"
        assert any((labels < 255).any() for labels in found)
    assert not (results / "saliency.h5").exists()
    content = json.loads((results / "evaluation/metrics.json").read_text())
    assert {item["kind"] for item in content["evaluations"]} == {"cams", "labels", "predictions"}
    for record in content["evaluations"]:
        assert "background_iou" not in record["metrics"]
        assert record["classes"]["iou"][0] is None
    assert "background" not in (results / "evaluation/per_class.csv").read_text()
    page = (results / "report.html").read_text()
    assert "background IoU" not in page
    assert "no background" not in page
