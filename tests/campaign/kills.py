"""Killing commands at a moment, and judging what is left of them."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.stage_files import Files
from tests.faults import tree
from tests.hearing import started
from wsss.stages.artifact import fingerprint

FULL = 0
"""In place of a signal: from this moment on, the disk is full."""
NAMES = {FULL: "full disk", **{int(number): number.name for number in signal.Signals}}
STOPPED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
"""Exit codes of a command that was asked to stop."""


@dataclass(frozen=True)
class Kill:
    """One way to end a command.

    Attributes:
        name: The moment in words, for the table.
        number: The signal; `FULL` for a disk that fills up.
        place: Number of the event at which it comes, from 1; 0 for none.
        after: Seconds from the start at which it comes; None for none.
    """

    name: str
    number: int
    place: int = 0
    after: float | None = None


@dataclass
class Killer:
    """Runs commands in forks of one process that kills them.

    Attributes:
        out: What the last command wrote to standard output.
        err: What it wrote to standard error.
        events: What it changed in its folder, in order.
        seconds: How long it took.
    """

    folder: Path
    out: str = ""
    err: str = ""
    events: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._files = [self.folder / name for name in ("stdout", "stderr", "trace")]
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            started([sys.executable, "-m", "tests.campaign.killer"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        self._send([str(path) for path in self._files])

    def __call__(self, arguments: list[str], folder: Path, kill: Kill | None = None) -> int:
        """Run a command that writes below a folder, and return its exit code."""
        kill = kill or Kill("none", FULL)
        call = {"arguments": arguments, "folder": str(folder), "place": kill.place, "number": kill.number}
        self._send({**call, "after": kill.after})
        assert self._server.stdout is not None
        answer = self._server.stdout.readline()
        assert answer, "the process that runs commands has died"
        code, self.seconds, self.events = json.loads(answer)
        self.out, self.err = (path.read_text(errors="replace") for path in self._files[:2])
        return int(code)

    def close(self) -> None:
        """End the process."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _send(self, content: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(content) + "\n")
        self._server.stdin.flush()


def kills(events: list[str], seconds: float, chance: random.Random) -> Iterator[Kill]:
    """The moments at which a stage is killed that does these things in this time when left alone."""
    first = {name: events.index(name) + 1 for name in dict.fromkeys(events)}
    last = {name: len(events) - events[::-1].index(name) for name in first}
    for name, place in first.items():
        yield Kill(f"before the first {name}" if name != "write" else "in the first write", signal.SIGKILL, place)
    for name, place in last.items():
        if place != first[name]:
            yield Kill(f"before the last {name}" if name != "write" else "in the last write", signal.SIGKILL, place)
    yield Kill("after the last rename", signal.SIGKILL, min(last["rename"] + 1, len(events)))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, FULL):
        yield Kill("at a random event", number, chance.randint(1, len(events)))
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield Kill("at a random time", number, after=chance.uniform(0, seconds))


@dataclass
class Stage:
    """A stage, its good inputs, and what it makes when left alone."""

    name: str
    files: Files
    root: Path
    killer: Killer

    def __post_init__(self) -> None:
        self.output = {"evaluate": "metrics.json", "report": "report.html"}.get(
            self.name, "model.ckpt" if self.name.startswith("train_") else "out.h5"
        )
        self.whole = self.run(self.root / "whole")
        self.events, self.seconds = self.killer.events, self.killer.seconds
        again = self.run(self.root / "again")
        # times and paths stand in some files: those are only there, or not
        self.same = {name for name, content in self.whole.items() if again.get(name) == content}

    def run(self, folder: Path, kill: Kill | None = None) -> dict[str, str]:
        """The content of all files that the stage leaves when nobody kills it."""
        code = self.killer(self.arguments(folder), folder, kill)
        assert code == 0, (code, self.killer.err)
        return contents(folder)

    def arguments(self, folder: Path) -> list[str]:
        arguments = self.files.arguments(self.name, folder / self.output)
        # the state of a training after every step
        return [*arguments, *(["--checkpoint-minutes", "0"] if self.name.startswith("train_") else [])]

    def wrong(self, kill: Kill) -> str:
        """Kill the stage and run it again; what is wrong then, or nothing."""
        folder = self.root / f"{len(list(self.root.iterdir()))}"
        code = self.killer(self.arguments(folder), folder, kill)
        said = self.wrong_ending(kill, code)
        if said:
            return said
        left = contents(folder)
        half = [name for name in left if not is_hidden(name) and not self.is_whole(name, left[name])]
        if half:
            return f"{half[0]} is not whole"
        if kill.number != signal.SIGKILL and any(name.endswith(".tmp") for name in left):
            return "a temporary file is left"
        after = self.run(folder)
        lost = [name for name in self.whole if not self.is_whole(name, after.get(name, ""))]
        more = [name for name in after if name not in self.whole and not name.endswith(".tmp")]
        return f"{(lost + more)[0]} differs from a run that was not killed" if lost or more else ""

    def wrong_ending(self, kill: Kill, code: int) -> str:
        """What is wrong with how the command ended and what it said; nothing if all is well."""
        lines = re.findall(r"^(?:error|stopped|\w+: stopped).*$", self.killer.err, flags=re.MULTILINE)
        said = f"exit code {code}, said: {self.killer.err[-300:]!r}"
        if any(sign in self.killer.err for sign in ("Traceback", "defect of wsss", "Exception ignored")):
            return said
        if code in (0, -kill.number):
            # it was faster, or was killed, or could not hear anything yet
            return said if lines or (code and kill.number != signal.SIGKILL and kill.place) else ""
        expected = 1 if kill.number == FULL else STOPPED[signal.Signals(kill.number)]
        words = "the disk is full" if kill.number == FULL else "stopped"
        return said if code != expected or len(lines) != 1 or words not in lines[0] else ""

    def is_whole(self, name: str, content: str) -> bool:
        """Whether a file is what the stage writes when left alone."""
        return name in self.whole and bool(content) and (name not in self.same or content == self.whole[name])


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder above it, has a name that nobody takes for a result."""
    return any(part.startswith(".") for part in Path(name).parts)


def contents(folder: Path) -> dict[str, str]:
    """A digest of every file below a folder that means something to people."""
    names = tree(folder) if folder.is_dir() else set()
    return {name: name if is_hidden(name) else fingerprint(folder / name) for name in sorted(names)}


COUNTS: Counter[tuple[str, str]] = Counter()
"""How many kills there were, by moment and signal."""


def table() -> str:
    """How many kills there were at each moment, and by which signal."""
    numbers = list(dict.fromkeys(number for _, number in COUNTS))
    moments = list(dict.fromkeys(moment for moment, _ in COUNTS))
    lines = [f"{'moment':34}" + "".join(f"{number:>11}" for number in numbers)]
    for moment in moments:
        lines.append(f"{moment:34}" + "".join(f"{COUNTS[moment, number] or '':>11}" for number in numbers))
    return "\n".join([*lines, f"{COUNTS.total()} kills"])
