from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.tiny import train_tiny
from tests.waiting import PATIENCE_SECONDS, wait_until
from wsss.errors import Interrupted
from wsss.training.resume import STATE_FILE, StopRequest, load_state, seed_step

STEPS = 9
# not fork: once any test here has gone backward on another device, PyTorch refuses that in children of this process
PROCESSES = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], list[dict[str, object]]]:
    torch.set_num_threads(1)
    weights, result = train_tiny(tmp_path_factory.mktemp("whole"), checkpoint_minutes=60)
    return weights, result.rows


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def killed_child(folder: Path, step: int, workers: int) -> int:
    """Exit code of a process that trains and kills itself, without warning, in the middle of a step."""
    arguments = {"signal_at": step, "number": signal.SIGKILL, "workers": workers}
    child = PROCESSES.Process(target=train_tiny, args=(folder,), kwargs=arguments)
    child.start()
    # not join: it waits for the loader processes too, which see only after seconds that the child is gone
    wait_until(lambda: child.exitcode is not None)
    assert child.exitcode is not None
    return child.exitcode


@pytest.mark.parametrize(("step", "workers"), [(1, 0), (2, 2), (4, 0), (5, 2), (9, 0)])
def test_weights_after_a_kill_are_those_of_an_uninterrupted_run(
    tmp_path: Path, uninterrupted: tuple[dict[str, Tensor], list[dict[str, object]]], step: int, workers: int
) -> None:
    assert killed_child(tmp_path, step, workers) == -signal.SIGKILL
    assert load_state(tmp_path)[0].step == step - 1
    weights, result = train_tiny(tmp_path, workers=workers)
    assert_equal(weights, uninterrupted[0])
    assert result.rows == uninterrupted[1]
    assert result.metrics["steps"] == STEPS


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGTERM, 2)])
def test_a_signal_ends_the_step_saves_and_leaves(
    tmp_path: Path,
    uninterrupted: tuple[dict[str, Tensor], list[dict[str, object]]],
    number: int,
    workers: int,
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    for step in (4, 3):
        # no state is due for an hour: the signal itself must cause it
        with pytest.raises(Interrupted, match=f"stopped by {signal.Signals(number).name} after step"):
            train_tiny(tmp_path, signal_at=step, number=number, workers=workers, checkpoint_minutes=60)
    assert load_state(tmp_path)[0].step == 7
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    weights, result = train_tiny(tmp_path, workers=workers, checkpoint_minutes=60)
    assert_equal(weights, uninterrupted[0])
    assert result.rows == uninterrupted[1]


def test_adamw_and_mixed_precision_go_on_bit_for_bit(tmp_path: Path) -> None:
    changes = {"optimizer": {"name": "adamw", "learning_rate": 0.01}, "precision": "bf16-mixed"}
    expected, _ = train_tiny(tmp_path / "whole", changes=changes)
    with pytest.raises(Interrupted):
        train_tiny(tmp_path / "cut", changes=changes, signal_at=5)
    weights, _ = train_tiny(tmp_path / "cut", changes=changes)
    assert_equal(weights, expected)


def test_another_seed_gives_other_weights(
    tmp_path: Path, uninterrupted: tuple[dict[str, Tensor], list[dict[str, object]]]
) -> None:
    weights, _ = train_tiny(tmp_path, seed=4)
    assert not torch.equal(weights["head.weight"], uninterrupted[0]["head.weight"])


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    expected, first = train_tiny(tmp_path)
    weights, again = train_tiny(tmp_path, signal_at=1, number=signal.SIGKILL)
    assert_equal(weights, expected)
    assert again.machine["training_seconds"] == first.machine["training_seconds"]


def test_a_damaged_state_starts_from_the_beginning(
    tmp_path: Path,
    uninterrupted: tuple[dict[str, Tensor], list[dict[str, object]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / STATE_FILE).write_bytes(b"not a state")
    weights, _ = train_tiny(tmp_path)
    assert_equal(weights, uninterrupted[0])
    assert "starts from the beginning" in caplog.text


def test_random_numbers_of_a_step_do_not_depend_on_those_before() -> None:
    seed_step(1, 5)
    expected = torch.rand(4)
    torch.rand(100)
    seed_step(1, 5)
    assert torch.equal(torch.rand(4), expected)
    seed_step(1, 5, rank=1)
    assert not torch.equal(torch.rand(4), expected)


def test_second_interrupt_stops_at_once() -> None:
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_process_with_loader_workers_ends(tmp_path: Path) -> None:
    child = PROCESSES.Process(
        target=train_tiny, args=(tmp_path,), kwargs={"signal_at": 3, "number": signal.SIGTERM, "workers": 2}
    )
    child.start()
    child.join(PATIENCE_SECONDS)
    if child.exitcode is None:
        child.kill()
    assert child.exitcode == 1
    assert load_state(tmp_path)[0].step == 3


def test_a_damaged_state_is_seen_and_training_starts_again(
    tmp_path: Path, uninterrupted: tuple[dict[str, Tensor], list[dict[str, object]]], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Interrupted):
        train_tiny(tmp_path, signal_at=4)
    content = bytearray((tmp_path / STATE_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / STATE_FILE).write_bytes(content)
    assert load_state(tmp_path)[1] == {}
    assert "training starts from the beginning" in caplog.text
    weights, _ = train_tiny(tmp_path)
    assert_equal(weights, uninterrupted[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_training_leaves_ignored_signals_ignored(
    tmp_path: Path, uninterrupted: tuple[dict[str, Tensor], list[dict[str, object]]], number: int
) -> None:
    # Lightning puts a handler of its own over an ignored SIGTERM
    before = signal.signal(number, signal.SIG_IGN)
    try:
        weights, _ = train_tiny(tmp_path, signal_at=4, number=number, checkpoint_minutes=60)
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert_equal(weights, uninterrupted[0])


def test_the_first_request_counts() -> None:
    with StopRequest() as stop:
        # as after a Ctrl-C, which reaches the workflow too
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested == "SIGINT"
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested == "SIGTERM"
