"""What `snakemake -n` says of configs that could only fail later: one line, before anything runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import DATA, Project


def test_a_key_that_stands_twice_is_refused(project: Project):
    option = project.config(data=DATA)
    with (project.folder / "my.yaml").open("a") as handle:
        handle.write("seeds: [1]\nseeds: [2]\n")
    assert project.error_line("-n", option).startswith("error: ")
    assert "`seeds` stands here and in line" in project.error_line("-n", option)


def test_a_workflow_without_a_config_is_one_line(project: Project):
    line = project.error_line("-n", "--snakefile", "wsss/workflow/Snakefile")
    assert line == "error: no config is given; add `--configfile my.yaml`, or type `wsss run my.yaml`"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"backbone": {"name": "resnet5"}}, "`backbone.name`: backbone `resnet5` is neither one of"),
        ({"seeds": [10**23]}, "`seeds.0`: input should be less than"),
        ({"cams": {"scales": [float("inf")]}}, "`cams.scales.0`: input should be a finite number"),
        ({"run": "r" * 300}, "`run`: string should have at most 100 characters"),
        (
            {"backbone": {"name": "vit_tiny_patch16_224", "output_stride": 32}},
            "my.yaml: train_classifier: backbone.name `vit_tiny_patch16_224` is of a family that is not cut",
        ),
        (
            {"train_segmenter": {"backbone": {"name": "resnet50", "weights": "photos/labels.csv"}}},
            "my.yaml: train_segmenter: photos/labels.csv: not a state dict that can be read safely",
        ),
        (
            {"methods": ["aalr"], "train_aalr": {"mask_delay": 1}, "runtime": {"devices": 2}},
            "my.yaml: train_aalr.mask_delay is 1, which works on one device; set it to 0, or runtime.devices and",
        ),
        ({"backbone": {"name": "resnet38d"}}, "`train_classifier.backbone.weights` is `auto`, but no package has"),
    ],
)
def test_settings_that_cannot_work_are_refused(project: Project, sections: dict[str, Any], message: str):
    assert message in project.error_line("-n", project.config(data=DATA, **sections))


@pytest.fixture
def srun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of SLURM that is there, and does nothing."""
    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("SLURM_JOB_NUM_NODES", raising=False)


@pytest.mark.usefixtures("srun")
def test_a_training_over_several_nodes_needs_nodes(project: Project):
    option = project.config(data=DATA, saliency={"source": "superpixels"}, runtime={"device": "cpu", "nodes": 2})
    assert project.error_line("-n", "--cores=1", option) == (
        "error: runtime.nodes is 2, but jobs run on this machine alone; set it to 1, or add --workflow-profile "
        "profiles/slurm"
    )


@pytest.mark.usefixtures("srun")
def test_a_training_over_several_nodes_is_started_on_each_and_nothing_else_is(project: Project):
    option = project.config(data=DATA, runtime={"device": "cpu", "nodes": 2})
    text = project.snakemake("-n", "-p", "--cores=1", option, SLURM_JOB_NUM_NODES="2").stdout
    (training,) = [line for line in text.splitlines() if "wsss train_classifier" in line]
    start = "srun --nodes 2 --ntasks 2 --ntasks-per-node 1 --cpus-per-task 1 --kill-on-bad-exit=1 --wait=0"
    assert f" {start} wsss train_classifier " in training
    assert " --nodes 2 --threads 1 " in training
    others = [line for line in text.splitlines() if "wsss " in line and "wsss train_" not in line]
    assert len(others) > 3
    assert not any("nodes" in line or "srun" in line for line in others)
    assert {"nodes=2", "tasks=2", "mpi=srun"} <= set(text.replace(",", " ").split())
