from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from tests.training.tiny import train_tiny
from wsss.context import RunContext
from wsss.errors import InputError, Interrupted
from wsss.training import loggers
from wsss.training.loggers import KeptLogs, chosen, make_loggers

NEEDS_TENSORBOARD = pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs tensorboard")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """What TensorBoard shows of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return [(event.step, event.value) for event in read.Scalars(name)]


@NEEDS_TENSORBOARD
def test_the_curves_go_to_tensorboard_and_to_the_table(tmp_path: Path):
    _, result = train_tiny(tmp_path, loggers=("tensorboard", "csv"))
    steps, losses = ([row[name] for row in result.rows] for name in ("step", "loss"))
    found = scalars(tmp_path / "tensorboard", "loss")
    assert [step for step, _ in found] == steps
    assert [value for _, value in found] == pytest.approx(losses, rel=1e-5)
    table = rows(tmp_path / "csv/metrics.csv")
    assert [int(row["step"]) for row in table] == steps
    assert [float(row["loss"]) for row in table] == pytest.approx(losses, rel=1e-5)


@NEEDS_TENSORBOARD
def test_a_training_that_was_stopped_has_all_its_steps_in_both(tmp_path: Path):
    names = ("tensorboard", "csv")
    with pytest.raises(Interrupted):
        train_tiny(tmp_path, signal_at=4, loggers=names)
    _, result = train_tiny(tmp_path, loggers=names)
    steps = [row["step"] for row in result.rows]
    assert [step for step, _ in scalars(tmp_path / "tensorboard", "loss")] == steps
    assert [int(row["step"]) for row in rows(tmp_path / "csv/metrics.csv")] == steps


def test_without_loggers_nothing_is_logged(tmp_path: Path):
    train_tiny(tmp_path, loggers=())
    assert {path.name for path in tmp_path.iterdir()} == {"training.pt"}


def test_logs_are_kept_beside_the_checkpoint_and_replace_those_of_an_earlier_training(tmp_path: Path):
    state, output = tmp_path / ".model.ckpt.state", tmp_path / "model.ckpt"
    for number in (1, 2):
        (state / "tensorboard").mkdir(parents=True, exist_ok=True)
        (state / "csv").mkdir(exist_ok=True)
        for path in (state / "tensorboard").iterdir():
            path.unlink()
        for place in range(3 - number):
            (state / "tensorboard" / f"events.out.tfevents.17{place}.host").write_bytes(b"%d" % (number + place))
        (state / "csv/metrics.csv").write_text(f"step\n{number}\n")
        KeptLogs(output).keep(state)
        (tmp_path / "tensorboard/mine.txt").write_text("mine")
        if number == 1:
            assert (tmp_path / "tensorboard/events.out.tfevents.1").read_bytes() == b"2"
    assert sorted(path.name for path in (tmp_path / "tensorboard").glob("[!.]*")) == [
        "events.out.tfevents.0",
        "mine.txt",
    ]
    assert (tmp_path / "tensorboard/events.out.tfevents.0").read_bytes() == b"2"
    assert (tmp_path / "csv/metrics.csv").read_text() == "step\n2\n"


def test_a_table_of_the_user_is_not_replaced_and_that_is_said_before_the_training(tmp_path: Path):
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv/metrics.csv").write_text("mine")
    with pytest.raises(InputError, match=r"metrics\.csv: exists and was not written by this program"):
        KeptLogs(tmp_path / "model.ckpt")


def test_auto_is_tensorboard_where_it_is_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda name: object())
    assert chosen(("auto", "csv", "tensorboard")) == ["tensorboard", "csv"]
    monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda name: None)
    assert chosen(("auto", "csv")) == ["csv"]


def test_wandb_gets_a_run_of_one_name_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    context = RunContext(run="demo", variant="a", seed=3, loggers=("wandb",))
    (first,), (second,) = (make_loggers(context, tmp_path / "state", "train_it") for _ in range(2))
    assert first._wandb_init["name"] == "demo/a/seed3/train_it"
    assert first._wandb_init["id"] == second._wandb_init["id"]
    (other,) = make_loggers(context, tmp_path / "elsewhere", "train_it")
    assert other._wandb_init["id"] != first._wandb_init["id"]
    _, result = train_tiny(tmp_path / "state", loggers=("wandb",))
    assert result.rows
    assert list((tmp_path / "wandb").glob("offline-run-*"))


def test_mlflow_gets_the_curves_at_the_address_of_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    _, result = train_tiny(tmp_path / "state", loggers=("mlflow",))
    client = mlflow.MlflowClient(f"file:{tmp_path}/mlruns")
    (experiment,) = [item for item in client.search_experiments() if item.name == "wsss"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert [item.step for item in client.get_metric_history(run.info.run_id, "loss")] == [
        row["step"] for row in result.rows
    ]
