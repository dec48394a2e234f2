"""Notice files that have changed since the index was written, at the price of one look at size and time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wsss.checksums import bytes_digest
from wsss.errors import InputError


def stamp_of(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of change in ns of a file; (-1, -1) if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return -1, -1
    return status.st_size, status.st_mtime_ns


class FileStamps:
    """Sizes, times and digests of files, as they were when the index was written. Can be pickled to loader workers.

    A file of the same size and time counts as the same. One of another time is read once in each process: only its
    content decides, for copies and checkouts have times of their own.

    Args:
        index: The index, for messages.
        stamp: Returns size in bytes and time in ns of a file, by its row; None if the index knows neither.
        digest: Returns the digest of a file likewise.
    """

    def __init__(
        self, index: Path, stamp: Callable[[int], tuple[int, ...] | None], digest: Callable[[int], bytes]
    ) -> None:
        self._index, self._stamp, self.digest = index, stamp, digest
        self._same: dict[int, tuple[int, int]] = {}

    def check(self, row: int, path: Path) -> None:
        """Check one file; a missing one is left to whoever reads it.

        Raises:
            InputError: If its content is not what the index has seen.
        """
        now = stamp_of(path)
        if now[0] < 0 or self._same.get(row) == now:
            return
        known = self._stamp(row)
        if known == now:
            return
        if (known is None or known[0] == now[0]) and self._has_content(row, path):
            self._same[row] = now
            return
        raise InputError(
            f"{path}: has changed since {self._index} was written; build the index again with "
            f"`wsss run CONFIG {self._index}`"
        )

    def _has_content(self, row: int, path: Path) -> bool:
        try:
            return bytes_digest(path.read_bytes()) == self.digest(row)
        except OSError:
            return True  # whoever reads it says why it cannot
