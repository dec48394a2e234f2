"""The log of a command, which replaces nothing but an earlier log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_LOG_LINE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) {0,3} [\w.]+: ")
"""The beginning of a line as `wsss.cli.logs.FILE_FORMAT` has it."""


def check_log(log: Path | None, others: Iterable[Path]) -> None:
    """Refuse a log that would replace anything but an earlier log.

    Args:
        log: The log file; None for none. A device, `/dev/null`, may be written.
        others: All other paths of the command, its output among them.

    Raises:
        InputError: If another path names the same file, or what lies there is no log.
    """
    # numpy comes with it, for which `--help` does not wait
    from wsss.outputs import check_target
    from wsss.protected import Inputs

    if log is not None and not (log.exists() and not log.is_file() and not log.is_dir()):
        check_target(log, Inputs(others), _is_log, foreign="is no log of this program")


def _is_log(path: Path) -> bool:
    """Return whether a file is empty, or begins as a log does."""
    try:
        with path.open("rb") as handle:
            beginning = handle.read(200)
    except OSError:
        return False
    return not beginning or _LOG_LINE.match(beginning) is not None
