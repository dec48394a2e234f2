"""Guard every command: turn errors into one line and an exit code, and signals into a clean stop."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import typer

from wsss.cli.streams import STDOUT, OutputFailed
from wsss.errors import InputError, Interrupted
from wsss.signals import STOPPING, handling
from wsss.system_errors import in_words

logger = logging.getLogger("wsss.cli")

FAILED = 1
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
NO_READER = 128 + signal.SIGPIPE
"""Exit code where who reads the output has gone (`| head`), as of other programs."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived. Libraries clean up as they do after Ctrl-C."""


@contextmanager
def guarded(
    log: Path | None = None,
    *,
    debug: bool = False,
    end: str = "the same command goes on from here",
    place: Path | None = None,
) -> Iterator[None]:
    """Run a command; if it fails, show the person one line.

    Args:
        log: The log file. The line names it if it holds more.
        debug: Show tracebacks.
        end: Text to print after Ctrl-C or SIGTERM.
        place: Where the command writes, for errors of the system that name no file.

    Raises:
        typer.Exit: With 1 after an error, 130 after Ctrl-C, 143 after SIGTERM or SIGHUP, 141 where nobody reads the
            output any more.
    """
    try:
        with handling(STOPPING, _Stop()):
            yield
            # what Python writes after the end, nobody can explain
            sys.stdout.flush()
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
        raise typer.Exit(_explain(error, log, debug=debug, place=place)) from None


@contextmanager
def output_told() -> Iterator[None]:
    """Show one line where standard output takes nothing more, and none where its reader has gone.

    Raises:
        SystemExit: With 1, or 141 where nobody reads the output any more.
    """
    try:
        yield
    except OutputFailed as error:
        if isinstance(error.error, BrokenPipeError):
            raise SystemExit(NO_READER) from None
        # logging is not set up here
        _show(f"error: {in_words(error.error, Path(STDOUT)) or error}")
        raise SystemExit(FAILED) from None


class _Stop:
    """Turn the first signal into an exception; later ones, but a person's Ctrl-C, find the program on its way out.

    A Snakemake that is stopped by Ctrl-C passes SIGTERM on to a stage that has had the Ctrl-C too.
    """

    def __init__(self) -> None:
        self._stopping = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        first, self._stopping = not self._stopping, True
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if first:
            raise Terminated(signal.Signals(number).name)


def _explain(error: Exception, log: Path | None, *, debug: bool, place: Path | None) -> int:
    """Say what the user can mend of an error that nothing has put into words, or that it is a defect."""
    if isinstance(error, OutputFailed):
        if isinstance(error.error, BrokenPipeError):
            return NO_READER
        error, place = error.error, Path(STDOUT)
    words = in_words(error, place)
    if not words:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
        more = f"the traceback is in {log}" if log is not None else "--debug shows the traceback"
        words = f"{text} (a defect of wsss; {more})"
    return _report(words, debug=debug)


def _report(message: str, *, debug: bool, word: str = "error") -> int:
    """Print the line; the log file gets the traceback too."""
    line = " ".join(f"{word}: {message}".removeprefix(": ").split())
    logger.error("%s", line, exc_info=True, extra={"log_only": not debug})
    if not debug:
        _show(line)
    return FAILED


def _show(line: str) -> None:
    # a terminal that is gone, or a full disk behind stderr: the exit code and the log still tell
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
