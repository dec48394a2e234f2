from __future__ import annotations

from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.plan import checking
from wsss.plan.checking import checked_plan, problem_of_nodes


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_logger_that_is_not_installed_is_said_before_anything_runs(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda found: None)
    values = {"data": {"name": "demo"}, "runtime": {"loggers": ["csv", name]}}
    with pytest.raises(InputError, match=rf"^my\.yaml: runtime\.loggers: {name} is not installed: pip install 'wsss\["):
        checked_plan(values, Path("my.yaml"))


def test_loggers_that_need_nothing_are_fine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda found: None)
    for names in ([], ["auto"], ["csv"]):
        checked_plan({"data": {"name": "demo"}, "runtime": {"loggers": names}}, Path("my.yaml"))


def test_mlflow_needs_an_address(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checking.importlib.util, "find_spec", lambda found: object())
    values = {"data": {"name": "demo"}, "runtime": {"loggers": ["mlflow"]}}
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(InputError, match="mlflow needs the address of a server in the variable MLFLOW_TRACKING_URI"):
        checked_plan(values, Path("my.yaml"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    checked_plan(values, Path("my.yaml"))


def test_an_unknown_logger_is_no_setting():
    with pytest.raises(InputError, match="loggers"):
        checked_plan({"data": {"name": "demo"}, "runtime": {"loggers": ["paper"]}}, Path("my.yaml"))


def test_several_nodes_need_a_cluster(monkeypatch: pytest.MonkeyPatch):
    values = {"data": {"name": "demo"}, "runtime": {"nodes": 2}}
    monkeypatch.setattr(checking.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=r"^my\.yaml: runtime\.nodes is 2, but this machine has no SLURM \(no srun\)"):
        checked_plan(values, Path("my.yaml"))
    monkeypatch.setattr(checking.shutil, "which", lambda name: f"/usr/bin/{name}")
    checked_plan(values, Path("my.yaml"))


@pytest.mark.parametrize(("given", "fine"), [(None, False), ("1", False), ("2", True), ("4", True), ("two", False)])
def test_jobs_of_this_machine_need_nodes_that_it_was_given(
    given: str | None, fine: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checking.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("SLURM_JOB_NUM_NODES", raising=False)
    if given is not None:
        monkeypatch.setenv("SLURM_JOB_NUM_NODES", given)
    problem = problem_of_nodes(2, on_cluster=False)
    assert (problem is None) == fine
    assert fine or "jobs run on this machine alone; set it to 1, or add --workflow-profile" in str(problem)
    assert problem_of_nodes(1, on_cluster=False) is None
