"""Names under which files are written until they are whole."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

_TEMPORARY = re.compile(r"\.(.+)\.(?:[0-9a-f]{8}|\d+)\.tmp")
"""Earlier versions wrote the number of a process in place of eight drawn digits."""


def temporary_name(path: Path) -> Path:
    """Return a name beside a file to write it under until it is whole.

    It is drawn, for the number of a process is another's too, in another container or on another machine.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def final_name(path: Path) -> Path:
    """Return the file that a temporary one becomes; the path itself if it is no temporary name."""
    found = _TEMPORARY.fullmatch(path.name)
    return path.with_name(found[1]) if found else path
