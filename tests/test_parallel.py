"""Work on many images in processes and threads: order, a bounded number in flight, errors, and no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.waiting import lives, wait_until
from wsss.errors import InputError
from wsss.parallel import map_in_processes, map_in_threads


def _square(value: int) -> int:
    if value < 0:
        raise InputError(f"{value} is negative")
    return value * value


def _die(value: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return value


def _threads_of_libraries(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def _counted(stop: int, taken: list[int]) -> Iterator[int]:
    for value in range(stop):
        taken.append(value)
        yield value


def test_no_worker_means_this_process_and_one_item_at_a_time() -> None:
    taken: list[int] = []
    results = map_in_processes(_square, _counted(100, taken), workers=0, what="test")
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert taken == [0, 1, 2]


def test_processes_keep_the_order_and_take_no_more_than_they_need() -> None:
    taken: list[int] = []
    results = map_in_processes(_square, _counted(10**9, taken), workers=1, what="test")
    assert [next(results) for _ in range(20)] == [value * value for value in range(20)]
    assert len(taken) <= 20 + 3
    results.close()  # type: ignore[attr-defined]


def test_errors_of_a_process_come_in_their_turn() -> None:
    results = map_in_processes(_square, [2, -1, 3], workers=1, what="test")
    assert next(results) == 4
    with pytest.raises(InputError, match="-1 is negative"):
        next(results)


def test_a_killed_process_is_said_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^saliency: a worker process was killed.*fewer workers$"):
        list(map_in_processes(_die, [1, 2], workers=1, what="saliency"))


def test_processes_have_one_numerical_thread_and_this_one_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert list(map_in_processes(_threads_of_libraries, [1], workers=1, what="test")) == ["1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_processes_end_with_a_killed_parent() -> None:
    script = """
import multiprocessing, os, time
from wsss.parallel import map_in_processes
if __name__ == "__main__":
    for _ in map_in_processes(os.getpgid, [0] * 10**6, workers=1, what="test"):
        print(multiprocessing.active_children()[0].pid, flush=True)
        time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    assert lives(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not lives(worker))


def test_threads_keep_the_order_and_bound_what_is_in_flight() -> None:
    taken: list[int] = []
    results = map_in_threads(_square, _counted(10**9, taken), workers=2, in_flight=4)
    assert [next(results) for _ in range(20)] == [value * value for value in range(20)]
    assert len(taken) <= 20 + 4
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="-1 is negative"):
        list(map_in_threads(_square, [1, -1], workers=1, in_flight=2))
