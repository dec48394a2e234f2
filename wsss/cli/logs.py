"""Send all messages to the log file, and to the terminal only those that the person there needs."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

FILE_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logging(log: Path | None, *, debug: bool = False) -> None:
    """Send this package's messages to stderr, and all messages to the log file, with times and tracebacks.

    Args:
        log: The file to write, in place of an old one; None writes none.
        debug: Show details on stderr too.
    """
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    terminal.setLevel(logging.DEBUG if debug else logging.INFO)
    terminal.addFilter(_for_the_person)
    handlers: list[logging.Handler] = [terminal]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = _LogFile(log, mode="w", encoding="utf-8")
        file.setFormatter(logging.Formatter(FILE_FORMAT))
        handlers.append(file)
    # set up the root logger before any library is imported: Lightning prints nothing itself if it finds handlers
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.getLogger("wsss").setLevel(logging.DEBUG)
    logging.captureWarnings(True)


class _LogFile(logging.FileHandler):
    """Says once that the log cannot be written, and lets the command go on; its outputs matter more."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Take the handler out of use; the one of the library would print a traceback for every message."""
        reason = sys.exc_info()[1]
        logging.getLogger().removeHandler(self)
        sys.stderr.write(f"warning: {self.baseFilename}: the log ends here ({reason})\n")


def _for_the_person(record: logging.LogRecord) -> bool:
    """Let messages of this package through, except those marked for the log file."""
    return record.name.split(".")[0] == "wsss" and not getattr(record, "log_only", False)


def limit_threads(threads: int) -> None:
    """Tell numerical libraries, before they are loaded, how many threads they may use; 0 leaves their default."""
    if threads > 0:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[name] = str(threads)
