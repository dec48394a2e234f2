"""Calls the command line in a process of its own, with stages that only seem to work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = "from wsss.cli import main; main()"
LISTENING = """
import signal
# who starts the tests in the background, or by nohup, makes them and their children deaf
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
SLEEPING = f"""
{LISTENING}
import logging, time
from wsss.cli import options
def run(self, **inputs):
    logging.getLogger("wsss").info("running")
    for _ in range(3000):
        time.sleep(0.1)
options.StageCall.run = run
"""
SAYING = """
from wsss.cli import options
def run(self, **inputs):
    print(self.settings.canonical_json(), self.context, inputs)
options.StageCall.run = run
"""


def wsss(*arguments: str | Path, before: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", before + PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLEEPING + PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_running(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert process.stderr.readline() == "running\n"


CAMS = ("cams", "--index", "i.h5", "--classifier", "m.ckpt")
