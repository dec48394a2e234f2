"""Starting processes that hear signals, or are deaf to one, whatever the tests' own process does."""

from __future__ import annotations

HEAR = "signal.signal(signal.SIGINT, signal.default_int_handler); signal.signal(signal.SIGHUP, signal.SIG_DFL)"
"""Who starts the tests in the background, or by nohup, makes them and their children deaf."""
NOHUP = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"


def started(command: list[str], first: str = HEAR) -> list[str]:
    """Return the command that starts Python with these arguments after a line of Python, which sets signals."""
    python, *arguments = command
    become = f"import os, signal, sys; {first}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    return [python, "-c", become, *arguments]
