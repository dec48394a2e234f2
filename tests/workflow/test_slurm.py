"""The whole pipeline on a cluster of two nodes, which SLURM's own programs make of this machine.

Needs what Debian calls slurm-wlm and munge, and the package snakemake-executor-plugin-slurm (docs/cluster.md).
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.workflow.conftest import Project, copy_project
from tests.workflow.slurm import NODES, PROGRAMS, Cluster
from tests.workflow.tiny import BOTH, make_maps

MISSING = [program for program in PROGRAMS if shutil.which(program) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"SLURM is not installed: no {', '.join(MISSING)}"),
    pytest.mark.skipif(
        importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
        reason="snakemake-executor-plugin-slurm is not installed",
    ),
]
# a GPU is asked for, and where none is the processor computes
RUN: dict[str, Any] = {**BOTH, "runtime": {**BOTH["runtime"], "device": "auto", "shards": 2}}
CLASSIFIER = "results/my/classifier/model.ckpt"
ON_CLUSTER = (
    *("--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue"),
    *("--jobs", "2", "--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3"),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    with Cluster(tmp_path_factory.mktemp("c") / "s") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def finished(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A finished run in a folder with a space, and what Snakemake said. One job was cancelled on the way."""
    project = copy_project(tmp_path_factory.mktemp("on a cluster") / "project", made_up=False)
    make_maps(project.folder / "photos", project.folder / "maps")
    return project, run_with_a_cancelled_training(cluster, project, project.config(**RUN))


@pytest.fixture(scope="module")
def over_both_nodes(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """The same for the classifier alone, whose training takes both nodes."""
    project = copy_project(tmp_path_factory.mktemp("over nodes") / "project", made_up=False)
    make_maps(project.folder / "photos", project.folder / "maps")
    option = project.config(**{**RUN, "runtime": {**RUN["runtime"], "nodes": 2}})
    # nothing finds the nodes by their names, for they are none of a machine
    said = run_with_a_cancelled_training(cluster, project, option, CLASSIFIER, MASTER_ADDR="127.0.0.1")
    return project, said


def run_with_a_cancelled_training(cluster: Cluster, project: Project, *arguments: str, **variables: str) -> str:
    """Run Snakemake, cancel the classifier's training after its first steps, and return what was said."""
    state = project.folder / "results/my/classifier/.model.ckpt.state/training.pt"
    said = project.folder / "said.txt"
    with said.open("w") as output:
        snakemake = subprocess.Popen(
            project.command(*ON_CLUSTER, *arguments),
            cwd=project.folder,
            env=project.environment(**cluster.environment, **variables),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        with snakemake:
            wait_until(lambda: state.is_file() or snakemake.poll() is not None)
            cluster.ask("scancel", job_of("train_classifier", said.read_text()))
    assert snakemake.returncode == 0, said.read_text()
    return said.read_text()


def job_of(rule: str, said: str) -> str:
    """The number that SLURM gave to the first job of a rule."""
    return re.findall(rf"SLURM jobid (\d+) \(log: .*/rule_{rule}/", said)[0]


@pytest.mark.parametrize("run", ["finished", "over_both_nodes"])
def test_a_cancelled_job_is_submitted_again_and_goes_on(run: str, request: pytest.FixtureRequest):
    project, said = request.getfixturevalue(run)
    assert "Trying to restart job" in said
    assert (
        "train_classifier: going on after step" in (project.folder / "results/my/logs/train_classifier.log").read_text()
    )


def test_jobs_ran_on_both_nodes_and_got_what_they_asked_for(finished: tuple[Project, str], cluster: Cluster):
    jobs = cluster.ask("scontrol", "show", "job", "--oneliner").splitlines()
    assert {re.search(r" NodeList=(\S+)", job)[1] for job in jobs} == set(NODES)  # type: ignore[index]
    parts = [job for job in jobs if "Comment=rule_cams_part" in job]
    assert len(parts) == 2
    assert all(re.search(r"gres[:/]gpu[:=]1", job) for job in parts)
    (training,) = [job for job in jobs if f"JobId={job_of('train_auxsegnet', finished[1])} " in job]
    assert "mem=8000M" in training


def test_a_training_takes_both_nodes_and_nothing_else_does(over_both_nodes: tuple[Project, str], cluster: Cluster):
    project, said = over_both_nodes
    jobs = cluster.ask("scontrol", "show", "job", "--oneliner").splitlines()
    nodes = {}
    for rule in ("index", "train_classifier"):
        (job,) = [job for job in jobs if f"JobId={job_of(rule, said)} " in job]
        nodes[rule] = re.search(r" NumNodes=(\d+) ", job)[1]  # type: ignore[index]
    assert nodes == {"index": "1", "train_classifier": "2"}
    assert re.search(r"TresPerNode=\S*gpu:1", job)
    assert (project.folder / CLASSIFIER).is_file()
    assert not list((project.folder / "results").rglob(".*.state"))
    assert project.would_write(project.config(**RUN), CLASSIFIER) == set()


def test_everything_is_there_and_whole(finished: tuple[Project, str]):
    project = finished[0]
    results = project.folder / "results/my"
    for path in ("report.html", "aalr/labels.h5", "auxsegnet/round1/labels.parts/2-of-2.h5"):
        assert (results / path).is_file()
    command = [sys.executable, "-m", "wsss.cli", "verify", "results/my"]
    subprocess.run(command, cwd=project.folder, env=project.environment(), check=True)
    assert not list(results.rglob(".*.state"))


def test_nothing_is_left_to_do_here_or_in_another_number_of_parts(finished: tuple[Project, str]):
    project = finished[0]
    for number in (2, 1, 3):
        config = project.config(**{**RUN, "runtime": {**RUN["runtime"], "shards": number}})
        assert project.would_write(config) == set()
