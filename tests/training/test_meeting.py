"""Nodes of one training meet: here, threads that stand for their commands."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny import train_tiny
from tests.waiting import wait_until
from wsss.context import RunContext
from wsss.errors import InputError, Interrupted
from wsss.training import meeting
from wsss.training.meeting import Meeting, meeting_point
from wsss.training.resume import Record, save_state

TWO = RunContext(nodes=2)
STEP = {"SLURM_STEP_NODELIST": "gpu[07-09,12]", "SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Meeting], Any]], list[Any]]:
    """Does the same on two nodes, and returns what became of it on each: a value, or an error."""

    def do(what: Callable[[Meeting], Any]) -> list[Any]:
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        monkeypatch.setenv("MASTER_PORT", str(free_port()))
        nodes = []
        for rank in "01":
            monkeypatch.setenv("NODE_RANK", rank)
            nodes.append(Meeting("train it", TWO))

        def of_node(node: Meeting) -> Any:
            try:
                with node:
                    return what(node)
            except (InputError, Interrupted) as error:
                # the end of a command closes its connections
                node._store = None
                return str(error)

        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(of_node, nodes))

    return do


def test_one_node_meets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with Meeting("train it", RunContext()) as alone:
        assert (alone.is_first, alone.from_first("step", "3"), alone.environment().node_rank()) == (True, "3", 0)


def test_all_take_the_first_ones_word_and_find_its_processes(both: Callable[..., list[Any]]) -> None:
    assert both(lambda node: node.from_first("step", f"of {node.rank}")) == ["of 0", "of 0"]
    first, other = both(lambda node: node.environment())
    assert first.main_port == other.main_port
    assert (first.main_address, other.main_address) == ("127.0.0.1", "127.0.0.1")
    assert (first.node_rank(), other.node_rank()) == (0, 1)


def test_nodes_of_two_kinds_are_one_line(both: Callable[..., list[Any]]) -> None:
    said = both(lambda node: node.check_alike("cpu" if node.rank else "gpu", 1 if node.rank else 4))
    assert said == [
        None,
        "train it: node 1 would train on 1 CPU, the first one on 4 GPUs; set runtime.device to cuda or cpu, and ask "
        "for equal nodes",
    ]


def test_a_state_that_only_the_first_node_sees_is_one_line(
    both: Callable[..., list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "SEEN_SECONDS", 0.5)
    for name in ("shared", "0", "1"):
        (tmp_path / name).mkdir()
    save_state(tmp_path / "shared", Record(step=5), {})
    save_state(tmp_path / "0", Record(step=5), {})
    found = both(lambda node: node.load_same_state(tmp_path / "shared")[0].step)
    assert found == [5, 5]
    first, other = both(lambda node: node.load_same_state(tmp_path / str(node.rank))[0].step)
    assert first == 5
    assert "goes on after step 5, but node 1 sees step 0; put the results on a file system that all" in other


def test_the_others_end_when_the_first_has_and_fail_when_it_failed(both: Callable[..., list[Any]]) -> None:
    order = []

    def finish(node: Meeting) -> None:
        if node.is_first:
            node.from_first("the other waits", "")
            order.append("first")

    def fail(node: Meeting) -> None:
        if node.is_first:
            wait_until(lambda: node._has("met"))
            raise InputError("the disk is full")
        node._store.set("met", "")

    def stop(node: Meeting) -> None:
        raise Interrupted(f"stopped {node.rank}")

    assert both(finish) == [None, None]
    assert order == ["first"]
    assert both(fail) == ["the disk is full", "train it: the command on the first node has ended; its output says why"]
    assert both(stop) == ["stopped 0", "stopped 1"]


def test_a_first_node_that_does_not_come_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NODE_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(meeting, "START_SECONDS", 0.3)
    with (
        pytest.raises(InputError, match="does not answer; start the command on all 2 nodes at once"),
        Meeting("it", TWO),
    ):
        pass


def test_a_port_that_another_program_has_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for name, value in {"NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(InputError, match=r"cannot be used \(.*; set MASTER_ADDR .*MASTER_PORT"), Meeting("it", TWO):
            pass


def test_nodes_that_are_not_told_apart_are_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NODE_RANK", "SLURM_STEP_NUM_NODES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="nothing says which node this is"):
        train_tiny(tmp_path, nodes=2)
    with pytest.raises(
        InputError, match=r"4 images cannot be divided among 1 device on each of 3 nodes; choose another"
    ):
        train_tiny(tmp_path, nodes=3)


def test_srun_says_where_the_first_node_is_and_each_step_has_a_port_of_its_own() -> None:
    address, port = meeting_point(STEP)
    assert address == "gpu07"
    assert 15000 <= port < 25000
    assert port != meeting_point({**STEP, "SLURM_STEP_ID": "1"})[1]
    assert meeting_point({**STEP, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}) == ("10.0.0.1", 29500)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_one_line(port: str) -> None:
    with pytest.raises(InputError, match=f"MASTER_PORT is `{port}`; use a port"):
        meeting_point({"MASTER_ADDR": "one", "MASTER_PORT": port})
