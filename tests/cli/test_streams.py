"""Standard streams that are closed, full, or that nobody reads."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import LISTENING, PROGRAM
from tests.waiting import PATIENCE_SECONDS

WSSS = f'{sys.executable} -c "{PROGRAM}"'
FULL = Path("/dev/full")


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash; its exit code is that of the first part of a pipe."""
    line = ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd)


def test_the_log_gets_what_a_closed_stderr_cannot_say(tmp_path: Path):
    stage = 'index --settings \'{"name": "folder", "root": "none"}\' --output o.h5'
    done = shell(f"{WSSS} {stage} --log x.log 2>&-", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert "error: none: no such folder; correct `data.root`" in (tmp_path / "x.log").read_text()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_spoils_no_file(closed: str, tmp_path: Path):
    done = shell(f"{WSSS} schema --output s.json {closed}", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "s.json").read_text().startswith("{\n")


def test_a_reader_that_has_enough_ends_the_command_quietly(tmp_path: Path):
    done = shell(f"{WSSS} schema | head -c 1", tmp_path)
    assert (done.stdout, done.stderr) == ("{", "")
    assert done.returncode in (0, 128 + signal.SIGPIPE)  # 0: all was in the pipe before its reader went
    for command in ("settings --markdown", "train_aalr --help", "--help", "--version"):
        done = shell(f"{WSSS} {command} | true", tmp_path)
        assert (done.stderr, done.returncode in (0, 128 + signal.SIGPIPE)) == ("", True), command


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_the_output_is_one_line(tmp_path: Path):
    done = shell(f"{WSSS} schema > /dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: standard output: the disk is full; free some space, or write to another disk\n"
    assert shell(f"{WSSS} check none.yaml 2> /dev/full", tmp_path).returncode == 1
    help_page = shell(f"{WSSS} index --help > /dev/full", tmp_path)
    assert (help_page.returncode, help_page.stderr) == (1, done.stderr)


def test_letters_that_the_terminal_lacks_are_escaped(tmp_path: Path):
    done = shell(f"PYTHONIOENCODING=ascii {WSSS} check ä.yaml", tmp_path)
    assert done.stderr.startswith("error: \\xe4.yaml: no such config; correct the path")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_a_signal_while_the_program_is_loaded_is_one_line(number: int, code: int):
    # the program stops where it begins to load its commands
    code_text = f"""
{LISTENING}
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "wsss.cli.app":
            print("loading", flush=True)
            time.sleep(1000)
sys.meta_path.insert(0, Slow())
{PROGRAM}
"""
    command = [sys.executable, "-c", code_text, "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (code, "stopped\n")
