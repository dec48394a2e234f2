"""The commands of the documents, really typed: on a tiny project, in the order in which they stand."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.documents.commands import Command, block_commands
from tests.workflow.conftest import Project, copy_project
from tests.workflow.tiny import TINY, make_maps
from wsss.data import load_dataset
from wsss.store import ArtifactReader

pytestmark = pytest.mark.slow

RUN = "results/my"
STANDS_FOR = {
    "results/RUN": RUN,
    "results/demo": RUN,
    "results/A": RUN,
    "results/B": RUN,
    "FILE.h5": f"{RUN}/cams.h5",
    "index.h5": f"{RUN}/index.h5",
    "LABELS.h5": f"{RUN}/auxsegnet/round0/labels.h5",
    "PREDICTIONS.h5": f"{RUN}/predictions/val/segmenter_seeds--single.h5",
    "ID": "img 0",
    "photos/": "new_photos/",
}
"""Names in the documents, and what they stand for here."""
NOT_RUN = {
    "wsss download": "needs a network",
    "wsss export_model": "a network of one step is unsure of most pixels, which export refuses; tests/exchange exports",
    "wsss predict boats.onnx": "the same",
    "wsss push_model": "needs an account of the Hub",
    "wsss view": "serves until it is stopped; tests/viewer opens the page",
    "wsss run voc12": "needs VOC",
    "wsss summary results/voc12": "needs VOC",
    "snakemake --configfile wsss/workflow/presets/voc12": "needs VOC",
    "snakemake --configfile held.yaml": "needs VOC",
    "snakemake --config ": "trains on the whole demo data set",
    "wsss estimate voc12": "builds ResNet38 and measures it for minutes",
    "snakemake --workflow-profile profiles/slurm": "needs SLURM",
    "wsss run my.yaml --workflow-profile slurm": "needs SLURM",
    "wsss unpack": "needs a data set of Hugging Face; tests/exchange unpacks some",
    "wsss init": "would write over the config of the run; tests/cli/test_starter.py runs it",
}
"""Beginnings of commands that are not run here, and why."""


def runnable() -> list[Command]:
    return [command for command in block_commands() if not any(command.text.startswith(start) for start in NOT_RUN)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished run, and what people bring along: photographs, and CAMs and labels of other programs."""
    project = copy_project(tmp_path_factory.mktemp("documents") / "project", made_up=False)
    folder = project.folder
    make_maps(folder / "photos", folder / "maps")
    project.snakemake(project.config(**TINY))
    for name in ("new_photos", "new"):
        (folder / name).mkdir()
        shutil.copy2(folder / "photos/img 0.jpg", folder / name)
    dataset = load_dataset(folder / RUN / "index.h5")
    labels = ArtifactReader(folder / RUN / "auxsegnet/round0/labels.h5")["segmentation"]
    cams = ArtifactReader(folder / RUN / "cams.h5")
    for image_id in dataset.ids("train"):
        for theirs in ("their_pngs", "their_npys"):
            (folder / theirs / image_id).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels[image_id]).save(folder / f"their_pngs/{image_id}.png")
        maps, attributes = cams.read_with_attributes("cams", image_id)
        by_class = {int(value) - 1: plane for value, plane in zip(attributes["classes"], maps, strict=True)}
        np.save(folder / f"their_npys/{image_id}.npy", np.array(by_class, dtype=object), allow_pickle=True)
    return project


def words_of(command: Command) -> list[str]:
    words = []
    for word in command.words:
        for name, meant in STANDS_FOR.items():
            if word == name or word.startswith(f"{name}/") or word.endswith(f"={name}") or f"={name}/" in word:
                word = word.replace(name, meant)  # noqa: PLW2901
        words.append(f"{RUN}/classifier/{word}" if words and words[-1] == "--classifier" else word)
    return words


def test_every_document_has_a_command_that_is_run():
    assert {"README.md", "docs/index.md", "docs/viewer.md"} <= {command.page for command in runnable()}
    texts = [command.text for command in block_commands()]
    assert [start for start in NOT_RUN if not any(text.startswith(start) for text in texts)] == []


@pytest.mark.parametrize("command", runnable(), ids=str)
def test_a_command_of_the_documents_ends_in_success(command: Command, project: Project):
    program, *words = words_of(command)
    if words[0] == "train_segmenter":
        words += ["--settings", '{"max_steps": 1, "augmentation": {"crop_size": 64}}']
    if program == "snakemake":
        called = [sys.executable, "-m", "snakemake", *words]
    else:
        called = [sys.executable, "-m", "wsss.cli", *words]
    environment = {**os.environ, **project.environment()}
    done = subprocess.run(called, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(called)}\n{done.stdout}\n{done.stderr}"


def test_the_config_that_init_writes_is_run_by_the_next_commands(project: Project, tmp_path: Path):
    shutil.copytree(project.folder / "photos", tmp_path / "photos")
    for words in (["init", "photos", "--output", "my.yaml"], ["check", "my.yaml"], ["run", "my.yaml", "-n"]):
        called = [sys.executable, "-m", "wsss.cli", *words]
        done = subprocess.run(
            called, cwd=tmp_path, env=project.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
