"""A process that runs each command in a fork of itself, and ends the fork at a moment that it is told.

Reads one JSON object a line: `arguments` of a command, and the `moment`. Answers with the exit code, the seconds, and
what happened below the output folder up to then: the names of system calls that change something there.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.campaign.server import NAP, be_the_command
from wsss import disk
from wsss.pipeline.stages import STAGES

SECONDS = 120
"""A stage that takes longer hangs: none of the tiny ones takes ten."""
EVENTS = {
    "os.mkdir": "mkdir",
    "fcntl.flock": "lock",
    "os.rename": "rename",
    "os.remove": "remove",
    "os.rmdir": "rmdir",
    "os.truncate": "truncate",
}
"""Audit events of Python that change a folder, each raised before its system call; writes are counted by themselves."""


class Moment:
    """A place in a command where something happens to it.

    Args:
        folder: Only what happens below it counts.
        trace: File that gets the name of each event.
        place: Number of the event, from 1; 0 for none.
        number: Signal that the process gets there; 0 fills the disk up instead, from this event on.
    """

    def __init__(self, folder: str, trace: str, place: int, number: int) -> None:
        self._folder, self._place, self._number, self._count = folder, place, number, 0
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def watch(self) -> None:
        """Watch this process from now on."""
        sys.addaudithook(self._event)
        for name, module in sys.modules.items():
            if name.startswith("wsss") and getattr(module, "write_some", None) is WRITE:
                module.write_some = self._write  # type: ignore[attr-defined]

    def _event(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in EVENTS and self._is_below(arguments[0]):
            self._happens(EVENTS[name])

    def _is_below(self, place: Any) -> bool:
        """Whether a path, or an open file, lies below the folder."""
        path = Path(f"/proc/self/fd/{place}").readlink() if isinstance(place, int) else Path(os.fsdecode(place))
        return path.absolute().is_relative_to(self._folder)

    def _happens(self, name: str) -> bool:
        """Whether the disk is full by now."""
        os.write(self._trace, f"{name}\n".encode())
        self._count += 1
        if self._count == self._place and self._number:
            os.kill(os.getpid(), self._number)
        return bool(self._place) and not self._number and self._count >= self._place

    def _write(self, handle: int, content: memoryview, place: int) -> int:
        if self._is_below(handle):
            # a kill finds the first half on the disk
            half = WRITE(handle, content[: len(content) // 2], place) if len(content) > 1 else 0
            if self._happens("write"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if half:
                return half
        return WRITE(handle, content, place)


WRITE = disk.write_some


def main() -> None:
    for stage in STAGES:
        importlib.import_module(f"wsss.stages.{stage}")
    for name in ("wsss.cli.app", "wsss.stages.predict_photos", "wsss.exchange.export", "PIL.Image"):
        importlib.import_module(name)
    out, err, trace = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        call = json.loads(line)
        start = time.monotonic()
        code = run(call, out, err, trace)
        print(json.dumps([code, time.monotonic() - start, Path(trace).read_text().split()]), flush=True)


def run(call: dict[str, Any], out: str, err: str, trace: str) -> int:
    """Exit code of a command, or the negative number of the signal that ended it."""
    child = os.fork()
    if child == 0:
        Moment(call["folder"], trace, call["place"], call["number"]).watch()
        be_the_command(call["arguments"], out, err)
    sent, slept = call["after"] is None, 0.0
    while slept < SECONDS:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(NAP)
        slept += NAP
        if not sent and slept >= call["after"]:
            os.kill(child, call["number"])
            sent = True
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError(f"{call['arguments'][0]} hangs")


if __name__ == "__main__":
    main()
