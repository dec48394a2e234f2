"""The errors that a user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave is wrong; the message is one line: what, where, how to mend it.

    The command line prints the message alone, without a traceback, and exits with 1. Anything else that escapes
    a stage is a defect of the package and keeps its traceback.
    """


class Interrupted(Exception):
    """A stage was asked to stop and has saved its state; the same command goes on from there."""
