"""Resumable state of a stage: a hidden folder beside its output, stamped and locked.

Interrupted stages resume from this folder if settings, inputs and code are the same. Any difference empties it.
Snakemake does not know of the folder, so it survives when outputs are deleted.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from wsss.disk import write_some, writing
from wsss.errors import InputError
from wsss.files import write_text
from wsss.temporary import final_name

WITHOUT_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
"""Errors of a file system that has no locks, as some of clusters are mounted."""

logger = logging.getLogger(__name__)


class StageState:
    """Holds the state folder of one output while the block runs.

    Args:
        output: The artifact or checkpoint that the stage writes.
        stamp: Everything that the result depends on. State with another stamp is dropped.
        writes: Whether this process does; one that only takes part in a training on another node touches nothing.

    Attributes:
        folder: The folder, `.NAME.state` beside the output.
        writes: As given.

    Raises:
        InputError: On entering, when another process is writing the same output, when a folder of this name holds
            something else, or when the disk does not let this one be made.
    """

    def __init__(self, output: str | Path, stamp: Mapping[str, Any], *, writes: bool = True) -> None:
        output = Path(output)
        self.output = output
        self.folder = output.parent / f".{output.name}.state"
        self._stamp = json.dumps(dict(stamp), sort_keys=True, default=str)
        self.writes = writes
        self._lock: int | None = None
        self._finished = False

    def finish(self) -> None:
        """Mark the output as written, so that the folder goes away at the end of the block."""
        self._finished = True

    def __enter__(self) -> StageState:
        if not self.writes:
            return self
        self._refuse_foreign()
        try:
            with writing(self.output):
                self._lock = self._acquire()
                self._remove_left_over()
                self._match_stamp()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _remove_left_over(self) -> None:
        """Remove temporary files of a process that was killed: who holds the lock is the only one to write them."""
        for path in [*self.output.parent.iterdir(), *self.folder.iterdir()]:
            becomes = final_name(path)
            if becomes != path and (becomes == self.output or path.parent == self.folder) and path.is_file():
                path.unlink(missing_ok=True)

    def _match_stamp(self) -> None:
        """Drop state that was made with other settings, inputs or code."""
        stamp = self.folder / "stamp.json"
        if not stamp.is_file() or stamp.read_text() != self._stamp:
            for entry in self.folder.iterdir():
                if entry.name != "lock":
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
            write_text(stamp, self._stamp)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None and ((self._finished and kind is None) or self._is_empty()):
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _is_empty(self) -> bool:
        """Return whether the folder holds nothing to go on from."""
        try:
            return {entry.name for entry in self.folder.iterdir()} <= {"lock", "stamp.json"}
        except OSError:
            return False

    def _refuse_foreign(self) -> None:
        """Refuse a folder that this program did not make: it would be emptied. The stamp is the first file in ours."""
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise InputError(f"{self.folder}: a folder must be made here; move what has this name")
        if not (self.folder / "stamp.json").is_file() and self.folder.is_dir():
            foreign = sorted(entry.name for entry in self.folder.iterdir() if not _is_own(entry.name))
            if foreign:
                raise InputError(
                    f"{self.folder}: holds {foreign[0]}, which was not written by this program; move the folder"
                )

    def _acquire(self) -> int:
        """Lock the folder; start over if the folder was removed between opening and locking its lock file."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / "lock"
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(handle, 300, 0).decode() or "unknown"
                os.close(handle)
                raise InputError(
                    f"{self.output}: process {holder} is writing it already; wait for it or stop it"
                ) from None
            except OSError as error:
                if error.errno not in WITHOUT_LOCKS:
                    os.close(handle)
                    raise
                logger.warning(
                    "%s: the file system has no locks (%s); see to it that no other process writes this file",
                    self.output,
                    os.strerror(error.errno or 0),
                )
            if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
                try:
                    os.ftruncate(handle, 0)
                    # on a cluster, a number of a process says little without the node
                    write_some(handle, memoryview(f"{os.getpid()} on {socket.gethostname()}".encode()), 0)
                except OSError:
                    os.close(handle)
                    raise
                return handle
            os.close(handle)


def _is_own(name: str) -> bool:
    """Tell whether a file lies in a folder of state before its stamp does: the lock, or a stamp that was cut short."""
    return name == "lock" or final_name(Path(name)).name == "stamp.json"
