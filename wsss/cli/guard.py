"""Guard every command: turn errors into one line and an exit code, and signals into a clean stop."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from wsss.errors import InputError, Interrupted

logger = logging.getLogger("wsss.cli")

FAILED = 1
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived. Libraries clean up as they do after Ctrl-C."""


@contextmanager
def guarded(
    log: Path | None = None, *, debug: bool = False, end: str = "the same command goes on from here"
) -> Iterator[None]:
    """Run a command; if it fails, show the person one line.

    Args:
        log: The log file. The line names it if it holds more.
        debug: Show tracebacks.
        end: Text to print after Ctrl-C or SIGTERM.

    Raises:
        typer.Exit: With 1 after an error, 130 after Ctrl-C, 143 after SIGTERM.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    try:
        yield
    except InputError as error:
        raise typer.Exit(_report(str(error), debug=debug)) from None
    except Interrupted as error:
        # the stage caught the signal itself, saved its state, and says so
        _report(str(error), debug=debug, word="")
        raise typer.Exit(INTERRUPTED if "SIGINT" in str(error) else TERMINATED) from None
    except KeyboardInterrupt as error:
        _report(end, debug=debug, word="stopped")
        raise typer.Exit(TERMINATED if isinstance(error, Terminated) else INTERRUPTED) from None
    except (typer.Exit, typer.BadParameter):
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
        more = f"the traceback is in {log}" if log is not None else "--debug shows the traceback"
        raise typer.Exit(_report(f"{text} (a defect of wsss; {more})", debug=debug)) from None


def _report(message: str, *, debug: bool, word: str = "error") -> int:
    """Print the line; the log file gets the traceback too."""
    line = " ".join(f"{word}: {message}".removeprefix(": ").split())
    logger.error("%s", line, exc_info=True, extra={"log_only": not debug})
    if not debug:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    return FAILED


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(signal.Signals(number).name)
