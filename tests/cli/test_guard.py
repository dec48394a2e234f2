"""What the command line says of errors, and how it stops."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.program import CAMS, start, wait_until_running, wsss
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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_a_signal_stops_cleanly(number: int, code: int):
    with start(*CAMS, "--output", "o.h5") as process:
        wait_until_running(process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code
    assert said == "stopped: the same command goes on from here\n"
