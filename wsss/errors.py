"""Errors that the user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """The user's input is wrong. The message says in one line: what, where, and how to mend it.

    The command line prints only the message, without a traceback, and exits with 1. Any other error of a stage is a
    defect of the package and keeps its traceback.
    """


class Interrupted(Exception):
    """A stage was asked to stop and has saved its state. The same command resumes it."""
