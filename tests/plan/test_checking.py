from __future__ import annotations

from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.plan import checking
from wsss.plan.checking import checked_plan


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
