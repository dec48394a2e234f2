"""Handlers that leave ignored signals ignored."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from wsss.signals import STOPPING, handling, held, is_ignored, leave_stopping_to_parent, set_handler


@pytest.fixture(autouse=True)
def _restore():
    before = {number: signal.getsignal(number) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_handlers_hold_within_the_block_alone():
    seen: list[int] = []
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with handling([signal.SIGHUP], lambda number, frame: seen.append(number)):
        signal.raise_signal(signal.SIGHUP)
    assert seen == [signal.SIGHUP]
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_a_signal_waits_for_the_end_of_the_block():
    seen: list[int | str] = []
    with handling(STOPPING, lambda number, frame: seen.append(number)):
        with held():
            signal.raise_signal(signal.SIGTERM)
            seen.append("whole")
        assert seen == ["whole", signal.SIGTERM]


def test_a_held_signal_comes_after_an_error_too():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt) as caught, held():
        signal.raise_signal(signal.SIGINT)
        raise ValueError
    assert isinstance(caught.value.__context__, ValueError)


@pytest.mark.parametrize("number", STOPPING)
def test_an_ignored_signal_stays_ignored(number: int):
    signal.signal(number, signal.SIG_IGN)
    with handling(STOPPING, lambda number, frame: pytest.fail("handled")):
        assert is_ignored(number)
        signal.raise_signal(number)
    assert is_ignored(number)


def test_another_thread_sets_none():
    found: list[object] = []
    before = signal.getsignal(signal.SIGHUP)
    thread = threading.Thread(target=lambda: found.append(set_handler(signal.SIGHUP, lambda number, frame: None)))
    thread.start()
    thread.join()
    assert found == [None]
    assert signal.getsignal(signal.SIGHUP) == before


def test_a_worker_leaves_ctrl_c_and_hang_up_to_its_parent():
    leave_stopping_to_parent()
    assert is_ignored(signal.SIGINT)
    assert is_ignored(signal.SIGHUP)


def test_what_nohup_sets_is_seen_by_a_program():
    code = "import signal; from wsss.signals import is_ignored as ask; print(ask(signal.SIGHUP), ask(signal.SIGTERM))"
    ignore = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    command = [sys.executable, "-c", ignore, sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True False\n"
