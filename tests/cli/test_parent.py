"""A stage ends with the workflow that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.cli.program import CAMS, PROGRAM, SAYING, start, wait_until_running, wsss
from tests.waiting import PATIENCE_SECONDS, lives, wait_until


def test_a_stage_ends_with_the_process_that_it_was_told_to_watch(tmp_path: Path):
    with subprocess.Popen(["sleep", "1000"]) as workflow:
        with start(*CAMS, "--output", "o.h5", "--parent", str(workflow.pid)) as process:
            wait_until_running(process)
            assert process.poll() is None
            workflow.kill()
            workflow.wait()
            # the stage itself would go on for longer
            process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 143


def test_a_stage_that_does_not_listen_is_ended(tmp_path: Path):
    deaf = """
import signal, subprocess, sys, time
from wsss.cli import options, parent
parent.GRACE_SECONDS = 0.5
def run(self, **inputs):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "1000"])
    print(child.pid, flush=True)
    time.sleep(1000)
options.StageCall.run = run
"""
    workflow = subprocess.Popen(["sleep", "1000"])
    command = [sys.executable, "-c", deaf + PROGRAM, *CAMS, "--output", "o.h5", "--parent", str(workflow.pid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        workflow.kill()
        workflow.wait()
        process.wait(timeout=PATIENCE_SECONDS)
    assert process.returncode == 143
    wait_until(lambda: not lives(child))


def test_a_parent_outside_a_container_is_not_watched():
    result = wsss(*CAMS, "--output", "o.h5", "--parent", "0", before=SAYING)
    assert result.returncode == 0
