"""The log file: one line where it cannot be written, and no stage that stops for it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from tests.cli.program import CAMS, SAYING, wsss
from wsss.cli.logs import set_up_logging
from wsss.errors import InputError


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for log, words in (
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "file/x.log", "is there already"),
        (tmp_path / "pipe", "a pipe, socket or device that nobody serves"),
        (tmp_path / ("x" * 300), "the name is too long for the system"),
    ):
        with pytest.raises(InputError) as error:
            set_up_logging(log)
        assert str(error.value) == f"{log}: the log cannot be written ({words}); choose another --log"
    result = wsss(*CAMS, "--output", "o.h5", "--log", tmp_path, before=SAYING)
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr == f"error: {tmp_path}: is a folder, and a file would be written there; choose another output\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_the_log_stops_nothing():
    result = wsss(*CAMS, "--output", "o.h5", "--log", "/dev/full", before=SAYING)
    assert (result.returncode, result.stderr) == (0, "")


def test_an_old_log_is_replaced_and_odd_names_are_escaped(tmp_path: Path):
    log = tmp_path / "logs/x.log"
    for text in ("first", "second \udcff"):
        set_up_logging(log)
        logging.getLogger("wsss").info(text)
    assert log.read_text().count("\n") == 1
    assert log.read_text().endswith("second \\udcff\n")
