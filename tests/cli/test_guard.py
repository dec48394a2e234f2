"""What the command line says of errors, and how it stops."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import CAMS, LISTENING, PROGRAM, start, wait_until_running, wsss
from tests.waiting import PATIENCE_SECONDS

BREAKING = """
from wsss.cli import options
def run(self, **inputs):
    raise RuntimeError("two\\nlines")
options.StageCall.run = run
"""


def test_what_is_wrong_with_an_input_is_one_line(tmp_path: Path):
    log, output = tmp_path / "logs" / "seed_labels.log", tmp_path / "o.h5"
    options = ("--index", tmp_path / "no.h5", "--cams", "c.h5", "--saliency", "s.h5", "--output", output)
    result = wsss("seed_labels", *options, "--log", log)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {tmp_path / 'no.h5'}: no such")
    assert result.stderr.count("\n") == 1
    assert "Traceback" in log.read_text()
    assert not output.exists()


def test_a_defect_is_one_line_and_debug_shows_where(tmp_path: Path):
    result = wsss(*CAMS, "--output", "o.h5", "--log", tmp_path / "x.log", before=BREAKING)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: RuntimeError: two lines (a defect of wsss; the traceback is in {tmp_path / 'x.log'})\n"
    )
    assert "Traceback" in (tmp_path / "x.log").read_text()
    assert "Traceback" in wsss(*CAMS, "--output", "o.h5", "--debug", before=BREAKING).stderr


def test_what_the_user_can_mend_is_no_defect(tmp_path: Path):
    before = """
from wsss.cli import options
def run(self, **inputs):
    raise OSError(28, "No space left on device")
options.StageCall.run = run
"""
    result = wsss(*CAMS, "--output", "o.h5", "--log", tmp_path / "x.log", before=before)
    assert result.returncode == 1
    assert result.stderr == "error: o.h5: the disk is full; free some space, or write to another disk\n"
    assert "Traceback" in (tmp_path / "x.log").read_text()


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "CPU", ""])
def test_a_device_that_is_none_is_one_line(device: str):
    result = wsss(*CAMS, "--output", "o.h5", "--device", device)
    assert (result.returncode, result.stderr) == (
        1,
        f"error: device `{device}` is none; use auto, cpu, cuda or cuda:N\n",
    )


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored(number: int):
    ignoring = f"import signal; signal.signal({int(number)}, signal.SIG_IGN)\n"
    waiting = """
import logging, sys
from wsss.cli import options
def run(self, **inputs):
    logging.getLogger("wsss").info("running")
    sys.stdin.readline()
    print("whole")
options.StageCall.run = run
"""
    command = [sys.executable, "-c", ignoring + waiting + PROGRAM, *CAMS, "--output", "o.h5"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until_running(process)
        process.send_signal(number)
        said, _ = process.communicate("go on\n", timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (0, "whole\n")


def test_further_signals_find_a_command_that_cleans_up():
    cleaning = """
import logging, signal, time
from wsss.cli import options
log = logging.getLogger("wsss")
def run(self, **inputs):
    try:
        log.info("running")
        time.sleep(1000)
    finally:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        print("clean")
options.StageCall.run = run
"""
    command = [sys.executable, "-c", LISTENING + cleaning + PROGRAM, *CAMS, "--output", "o.h5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until_running(process)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (143, "clean\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_a_signal_stops_cleanly(number: int, code: int):
    with start(*CAMS, "--output", "o.h5") as process:
        wait_until_running(process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code
    assert said == "stopped: the same command goes on from here\n"
