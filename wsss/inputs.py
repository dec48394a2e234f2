"""Look at what the user gives as a file, before it is opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from wsss.errors import InputError

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
"""How artifacts begin, and checkpoints of PyTorch."""
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def check_regular(path: str | Path) -> None:
    """Refuse a pipe, a socket or a device in place of a file: opening it may wait for ever, and reading never end.

    What is not there, is a folder, or may not be looked at passes: opening it says why at once.

    Raises:
        InputError: Naming the path and what it is.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path may hold a null character, of which pathlib says less
    except (OSError, ValueError):
        return
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is not None:
        raise InputError(f"{path}: is {kind}, not a file; give a file")


def begins_with(path: Path, signature: bytes) -> bool:
    """Tell by its first bytes whether a file is of another kind than was expected; what cannot be read is of none."""
    try:
        with path.open("rb") as file:
            return file.read(len(signature)) == signature
    except OSError:
        return False
