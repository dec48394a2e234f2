"""Two commands, as two nodes start them, train as one does; here both run on one machine."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import make_voc
from tests.training.held_command import HELD
from tests.training.test_meeting import free_port
from tests.waiting import wait_until
from wsss.config import VocData
from wsss.stages.index import index
from wsss.training.checkpoint import load_weights

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("two processes")]
STEPS = 6
SETTINGS = {
    "epochs": 3,
    "batch_size": 4,
    "precision": "32",
    # normalisation that is trained, by the statistics of both nodes; no dropout, whose random numbers differ
    "backbone": {
        **{"name": "test_resnet", "weights": "none", "output_stride": 32},
        **{"frozen_stages": 1, "freeze_batch_norm": False},
    },
    "dropout": 0.0,
    "augmentation": {"crop_size": 32},
    "optimizer": {"name": "sgd", "learning_rate": 0.01},
}
HELD_COMMAND = "tests.training.held_command"
LONGEST = 1800
"""Seconds after which commands are taken for hung: four processes import torch, on a busy machine for minutes."""
STATE = ".model.ckpt.state/training.pt"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two nodes")
    make_voc(folder / "voc", train=8, val=3)
    index(VocData(root=str(folder / "voc"), classes="classes.txt"), output=folder / "index.h5")
    done = start(folder, "alone", module="wsss.cli")
    assert done.wait() == 0
    return folder


def start(project: Path, name: str, *options: str, module: str, **variables: object) -> subprocess.Popen[bytes]:
    """Start the command of one node; what it prints goes to NAME-RANK.txt."""
    rank = variables.get("NODE_RANK", 0)
    files = ("--index", "index.h5", "--output", f"{name}/model.ckpt", "--log", f"{name}-{rank}.log")
    command = [sys.executable, "-m", module, "train_classifier", "--settings", json.dumps(SETTINGS), *files, *options]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "MASTER_", "NODE_"))
    }
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    environment |= {key: str(value) for key, value in variables.items()}
    machine = ("--device", "cpu", "--seed", "3", "--loggers", "csv", "--checkpoint-minutes", "0")
    with (project / f"{name}-{rank}.txt").open("wb") as said:
        return subprocess.Popen([*command, *machine], cwd=project, env=environment, stdout=said, stderr=said)


def together(
    project: Path, name: str, meanwhile: Callable[[list[Any]], None] = lambda _: None, module: str = "wsss.cli"
) -> list[int]:
    """Run the commands of both nodes, the first one last, and return how they ended."""
    port = free_port()
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    commands = [start(project, name, "--nodes", "2", module=module, NODE_RANK=rank, **where) for rank in (1, 0)]
    try:
        meanwhile(commands)
        for command in commands:
            command.wait(LONGEST)
    finally:
        for command in commands:
            command.kill()
    return [command.returncode for command in commands]


def said(project: Path, name: str) -> list[str]:
    return [(project / f"{name}-{rank}.txt").read_text() for rank in (0, 1)]


def assert_as_alone(project: Path, name: str) -> None:
    (weights, about), (expected, _) = (
        load_weights(project / folder / "model.ckpt", "train_classifier") for folder in (name, "alone")
    )
    assert about.metrics["steps"] == STEPS
    # as in test_trainer_processes.py
    wrong = [key for key, value in weights.items() if not torch.allclose(value, expected[key], rtol=1e-4, atol=1e-5)]
    assert wrong == []
    rows, alone = (list(csv.DictReader((project / folder / "curves.csv").open())) for folder in (name, "alone"))
    assert [row.keys() for row in rows] == [row.keys() for row in alone]
    numbers = ([[float(value or -1) for value in row.values()] for row in table] for table in (rows, alone))
    assert torch.allclose(*map(torch.tensor, numbers), rtol=1e-5, atol=1e-5)
    assert files_of(project / name) == files_of(project / "alone")


def files_of(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_two_nodes_train_as_one_and_the_first_alone_writes(project: Path) -> None:
    assert together(project, "both") == [0, 0], said(project, "both")
    assert_as_alone(project, "both")
    assert (project / "both-0.log").is_file()
    assert not (project / "both-1.log").exists()
    first, other = said(project, "both")
    assert f"train_classifier: {STEPS} steps in" in first
    assert f"{STEPS} steps" not in other


def test_nodes_that_are_told_to_stop_save_once_and_go_on(project: Path) -> None:
    def stop(commands: list[subprocess.Popen[bytes]]) -> None:
        wait_until(lambda: (project / "stopped" / STATE).is_file() or any(c.poll() is not None for c in commands))
        for command in commands:
            command.terminate()

    assert together(project, "stopped", stop, module=HELD_COMMAND) == [143, 143], said(project, "stopped")
    record = torch.load(project / "stopped" / STATE, weights_only=True)["record"]
    assert 0 < record["step"] <= HELD + 1
    for words in said(project, "stopped"):
        assert f"after step {record['step']} of {STEPS}; the same command goes on from there" in words
    assert together(project, "stopped") == [0, 0], said(project, "stopped")
    assert_as_alone(project, "stopped")
    assert f"going on after step {record['step']} of {STEPS}" in said(project, "stopped")[0]


def test_a_node_whose_processes_are_killed_ends_the_others_with_one_line(project: Path) -> None:
    import psutil

    def kill(commands: list[subprocess.Popen[bytes]]) -> None:
        wait_until(lambda: (project / "killed" / STATE).is_file() or any(c.poll() is not None for c in commands))
        for child in psutil.Process(commands[0].pid).children():
            if "--multiprocessing-fork" in child.cmdline():
                child.kill()

    assert together(project, "killed", kill, module=HELD_COMMAND) == [1, 1]
    first, other = (words.strip().splitlines()[-1] for words in said(project, "killed"))
    assert first == "error: train_classifier: a process on another node has ended; the output of its command says why"
    assert other.startswith(
        "error: train_classifier: a process that trains was ended (SIGKILL), perhaps for the memory"
    )


def test_a_command_that_finds_no_other_node_is_one_line(project: Path) -> None:
    command = start(project, "lost", "--nodes", "2", module="wsss.cli")
    assert command.wait() == 1
    (line,) = (project / "lost-0.txt").read_text().splitlines()
    assert line.startswith("error: a training over 2 nodes: nothing says which node this is; start the command once on")
    assert not (project / "lost").exists()
