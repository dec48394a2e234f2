"""Running a command on an input, and judging how it ended."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

OK, ONE_LINE = "ok", "one line"
ELSE: dict[str, str] = {}
"""What went wrong, by the kind of input: shown in the table."""
_PROGRESS = re.compile(r"[\w ]+: \d+ (of \d+ )?\w+(, about | in ).+")
COUNTS: dict[str, Counter[str]] = defaultdict(Counter)
"""How the inputs of each kind ended."""


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes:
        code: Exit code, or the negative number of a signal.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str


class Runner:
    """Runs commands in forks of one process.

    Args:
        folder: For what they say.
        place: Where they run.
    """

    def __init__(self, folder: Path, place: Path) -> None:
        self._out, self._err = folder / "stdout", folder / "stderr"
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.campaign.server"]
        self._server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        self._send([str(self._out), str(self._err), str(place)])

    def __call__(self, *arguments: str | Path) -> Ending:
        """Run a command to its end, or until it has taken far too long."""
        self._send([str(argument) for argument in arguments])
        assert self._server.stdout is not None
        code, _ = json.loads(self._server.stdout.readline())
        texts = (path.read_text(encoding="utf-8", errors="replace") for path in (self._out, self._err))
        return Ending(code, *texts)

    def close(self) -> None:
        """End the process."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _send(self, content: list[str]) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(content) + "\n")
        self._server.stdin.flush()


def state_of(folder: Path) -> dict[str, str]:
    """Every entry below a folder with its kind, permissions, time of change and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        text = f"{status.st_mode} {status.st_mtime_ns}"
        if path.is_symlink():
            text += f" {path.readlink()}"
        elif stat.S_ISREG(status.st_mode):
            text += " " + hashlib.blake2b(path.read_bytes()).hexdigest()
        found[path.relative_to(folder).as_posix()] = text
    return found


def judge(ending: Ending, before: dict[str, str], inputs: Path, output: Path, *, keeps: bool = False) -> str:
    """`ok`, `one line`, or what is wrong.

    Args:
        ending: Of the command.
        before: State of the inputs before.
        inputs: Their folder.
        output: The folder that the command may write to; nothing was in it.
        keeps: Whether files may be left after an error.
    """
    if state_of(inputs) != before:
        return "an input was changed"
    if ending.code < 0:
        return "hangs" if ending.code == -9 else f"ended by signal {-ending.code}"
    for sign in ("Traceback", "defect of wsss", "Logging error", "Exception ignored"):
        if sign in ending.err or sign in ending.out:
            return f"{sign}: {ending.err.strip().splitlines()[-1][:200]}"
    left = [path for path in output.rglob("*") if not path.is_dir() and not path.is_symlink()]
    if any(".tmp" in path.name for path in left):
        return f"a temporary file is left: {left[0].name}"
    if ending.code == 0:
        return OK
    lines = [line for line in ending.err.splitlines() if not _PROGRESS.fullmatch(line)]
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return f"{len(lines)} lines, exit code {ending.code}: {ending.err[:300]!r}"
    if left and not keeps and not all(any(part.endswith(".state") for part in path.parts) for path in left):
        return f"a file is left: {left[0].name}"
    return ONE_LINE


def table() -> str:
    """The table of all inputs so far."""
    lines = [f"{'kind of input':32}{'count':>8}{'ok':>8}{'one line':>10}{'else':>6}"]
    total: Counter[str] = Counter()
    for kind, counts in COUNTS.items():
        lines.append(_line(kind, counts))
        total.update(counts)
    lines.append(_line("all", total))
    lines += [f"{kind}: {text}" for kind, text in ELSE.items()]
    return "\n".join(lines)


def _line(kind: str, counts: Counter[str]) -> str:
    others = counts.total() - counts[OK] - counts[ONE_LINE]
    return f"{kind:32}{counts.total():>8}{counts[OK]:>8}{counts[ONE_LINE]:>10}{others:>6}"
