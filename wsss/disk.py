"""Write to disks that fill up or fail: every byte of an output passes here, and every failure becomes one line.

HDF5 cannot fail: where a write does not succeed, it keeps the data, tries again when the file is closed, and brings the
process down at exit. So `HdfFile` hides failures from it. What cannot be written stays in memory, so that HDF5 still
reads a consistent file and closes it; then the failure is raised.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wsss.errors import InputError
from wsss.system_errors import of_write

logger = logging.getLogger(__name__)


@contextmanager
def writing(path: Path, size: int = 0) -> Iterator[None]:
    """Turn errors of the disk, while an output is written, into one line that says how to mend them.

    Args:
        path: The output, for the message.
        size: Bytes that it takes about, for the message; 0 where that is not known.

    Raises:
        InputError: If the disk is full, fails or may not be written to.
    """
    try:
        yield
    except OSError as error:
        need = f"about {in_bytes(size)} are needed, " if size else ""
        message = of_write(error, path, f"{need}{in_bytes(free_space(path))} are free")
        if not message:
            raise
        raise InputError(message) from error


def require_space(path: Path, size: int, what: str) -> None:
    """Refuse to begin what cannot fit.

    Args:
        path: The output.
        size: Bytes that it takes at the very least: what may fit is never refused.
        what: The output in words.

    Raises:
        InputError: If less is free.
    """
    free = free_space(path)
    if size > free:
        raise InputError(
            f"{path}: the disk has no room for {what}: at least {in_bytes(size)} are needed, {in_bytes(free)} "
            "are free; free some and run the same command again"
        )


def warn_of_space(path: Path, need: int) -> None:
    """Say that what is left to write may not fit. It may be smaller than what was written, so the run goes on."""
    free = free_space(path)
    if need > free:
        logger.warning(
            "%s: about %s more are needed, %s are free; if the disk gets full, the same command goes on later",
            path,
            in_bytes(need),
            in_bytes(free),
        )


def free_space(path: Path) -> int:
    """Return the bytes that are free where a file is to be written; its folders may be missing."""
    folder = path.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def in_bytes(size: int) -> str:
    """Write a number of bytes for people."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:,.0f} MB" if size >= 10e6 else f"{size / 1e6:.1f} MB"


def write_some(handle: int, content: memoryview, place: int) -> int:
    """Write bytes at a place of an open file and return how many the system took.

    All outputs are written through this one call, so that tests can make any of them fail.
    """
    return os.pwrite(handle, content, place)


class RawFile(io.RawIOBase):
    """A file, open for reading and writing; writes are whole or raise an error.

    Args:
        path: The file.
        append: Add to what a file holds, which may be no link; else the file is new.

    Raises:
        FileExistsError: If a new one is there: two writers would mix what they write.
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        super().__init__()
        # another process may add to the same file
        more = os.O_APPEND | os.O_NOFOLLOW if append else os.O_EXCL
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | more, 0o666)
        self._place = self._size() if append else 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place of the next read or write."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size()}[whence]
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        """Return the place of the next read or write."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Read at the place into a buffer, and return how many bytes there were."""
        return self._advance(os.preadv(self._handle, [buffer], self._place))

    def write(self, content: Any) -> int:
        """Write all bytes at the place.

        Raises:
            OSError: If the disk takes only some, or none.
        """
        view = memoryview(content).cast("B")
        done = 0
        while done < len(view):
            count = write_some(self._handle, view[done:], self._place + done)
            if count <= 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            done += count
        return self._advance(done)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, to the place if none is given."""
        size = self._place if size is None else size
        os.ftruncate(self._handle, size)
        return size

    def sync(self) -> None:
        """Wait until all is on the disk."""
        os.fsync(self._handle)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            try:
                super().close()
            finally:
                os.close(self._handle)

    def _size(self) -> int:
        return os.fstat(self._handle).st_size

    def _advance(self, count: int) -> int:
        self._place += count
        return count


class HdfFile(RawFile):
    """A new file for HDF5, which never sees that a write failed. `raise_failure` tells.

    Attributes:
        failure: The first error of a write; None while all is well.
    """

    failure: OSError | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._kept: list[tuple[int, bytes]] = []
        self._end = 0

    def write(self, content: Any) -> int:
        """Write all bytes at the place, or keep them in memory once a write has failed."""
        if self.failure is None:
            try:
                return super().write(content)
            except OSError as error:
                self.failure = error
        data = bytes(content)
        self._kept.append((self._place, data))
        self._end = max(self._end, self._place + len(data))
        return self._advance(len(data))

    def readinto(self, buffer: Any) -> int:
        """Read at the place, also what is kept in memory; what was never written is zero."""
        view, place = memoryview(buffer).cast("B"), self._place
        count = os.preadv(self._handle, [view], place)
        view[count:] = bytes(len(view) - count)
        for start, data in self._kept:
            first, last = max(start, place), min(start + len(data), place + len(view))
            if first < last:
                view[first - place : last - place] = data[first - start : last - start]
        return self._advance(len(view))

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file while all is well."""
        if self.failure is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.failure = error
        return self._place if size is None else size

    def raise_failure(self) -> None:
        """Raise the first error of a write, if there was one."""
        if self.failure is not None:
            raise self.failure

    def _size(self) -> int:
        return max(super()._size(), self._end)
