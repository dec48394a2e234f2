"""Memory and time of a process and its children, of a script whose numbers are known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from wsss.estimate import processes
from wsss.estimate.processes import Watched, memory_of, processor_seconds, rollup

MB = 1 << 20
SCRIPT = f"""
import os, sys, time
before = bytearray(os.urandom({MB})) * 80
ready, done = os.pipe()
for _ in range(2):
    if not os.fork():
        own = bytearray(os.urandom({MB})) * 30
        while time.process_time() < 0.3:
            pass
        os.write(done, b"x")
        time.sleep(1000)
while len(os.read(ready, 1)) == 1 and os.read(ready, 1):
    break
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def family() -> Iterator[psutil.Process]:
    """A process of 80 MB with two forks, which have 30 MB each of their own and have computed for 0.3 seconds."""
    script = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    assert script.stdout is not None and script.stdout.readline() == "ready\n"
    process = psutil.Process(script.pid)
    children = process.children()
    yield process
    for one in (*children, process):
        one.kill()
    script.wait()
    script.stdout.close()


def test_what_forks_share_is_counted_once(family: psutil.Process):
    found = memory_of(family)
    assert 80 * MB < found.main < 120 * MB
    # a Python process writes to a few MB of what it shares, for it counts references there
    assert 60 * MB < found.beside < 80 * MB


def test_without_shares_the_others_count_what_is_theirs(family: psutil.Process, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "rollup", lambda pid: None)
    assert 60 * MB < memory_of(family).beside < 80 * MB


def test_the_processor_is_counted_in_all_processes(family: psutil.Process):
    alone = family.cpu_times()
    assert processor_seconds(family) >= alone.user + alone.system + 0.5


def test_a_process_that_has_ended_is_not_seen():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    watched = Watched()
    assert rollup(ended.pid) is None
    assert watched.look(ended.pid) > 0
    assert (watched.main, watched.times) == (0, [])


def test_between_two_looks_the_processor_goes_on_evenly():
    watched = Watched()
    assert watched.processor_at([1.0]) == []
    # what an ended process took is missing for a moment
    for when, seconds in ((10.0, 0.0), (12.0, 4.0), (13.0, 3.0), (14.0, 6.0)):
        watched.add(when, seconds)
    assert watched.processor_at([9.0, 11.0, 13.0, 13.5, 20.0]) == [0.0, 2.0, 4.0, 5.0, 6.0]
