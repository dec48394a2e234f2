"""Long lists on the disk while a process works, so that its memory does not grow with the number of images.

SQLite keeps each in a temporary database without a name, in its folder of temporary files (`SQLITE_TMPDIR`, `TMPDIR`,
else `/var/tmp`). It is gone when the list or the process is, however that ends. A short list never leaves memory.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from wsss.errors import InputError

CACHE_KILOBYTES = 64
"""What of a list is held in memory. More makes no list faster: the system keeps the file in memory that is free."""
ROWS_AT_ONCE = 16
ROW = "row"
"""Name of the column that numbers the rows, from 0 on."""


class ScratchTable:
    """Rows in the order in which they were added; those of a unique column are found by it, and can be sorted.

    Several threads may use it at once. It belongs to the process that made it.

    Args:
        columns: Names, as SQL has them, each with UNIQUE behind it if it is to be searched.

    Raises:
        InputError: Anywhere, if the folder of temporary files takes no more.
    """

    def __init__(self, *columns: str) -> None:
        self._count = 0
        # the threads of a connection share the statements that Python keeps: one could bind what another reads
        self._lock = threading.RLock()
        with _GUARDED:
            self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            weakref.finalize(self, self._connection.close)
            # nothing is ever undone, and nothing is to survive a crash
            for setting in ("journal_mode=MEMORY", "synchronous=OFF", f"cache_size=-{CACHE_KILOBYTES}"):
                self._connection.execute(f"PRAGMA {setting}")
            self._connection.execute(f"CREATE TABLE list ({ROW} INTEGER PRIMARY KEY, {', '.join(columns)})")
            self._connection.execute("BEGIN")
        self._insert = f"INSERT OR IGNORE INTO list VALUES (?{', ?' * len(columns)})"

    def append(self, *values: Any) -> bool:
        """Add a row, and return True; return False, and add none, if a unique value is there."""
        with self._lock, _GUARDED:
            added = self._connection.execute(self._insert, (self._count, *values)).rowcount == 1
            self._count += added
        return added

    def extend(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of which none has a unique value that is there; three times as fast as one by one."""

        def numbered() -> Iterator[tuple[Any, ...]]:
            for row in rows:
                yield self._count, *row
                # here, so that it is right if the rows end in an error
                self._count += 1

        with self._lock, _GUARDED:
            self._connection.executemany(self._insert, numbered())

    def __len__(self) -> int:
        return self._count

    def first(self, columns: str, where: str, *values: Any) -> tuple[Any, ...] | None:
        """Return some columns of a row.

        Args:
            columns: Their names, separated by commas.
            where: A condition in SQL, with a `?` for each value.
            values: The values.

        Returns:
            The first of those for which it holds; None if there is none.
        """
        with self._lock, _GUARDED:
            found: tuple[Any, ...] | None = self._connection.execute(
                f"SELECT {columns} FROM list WHERE {where} LIMIT 1", values
            ).fetchone()
        return found

    def rows(self, columns: str, rest: str = f"ORDER BY {ROW}", *values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield some columns of all rows, or of those, and in the order, that the rest of the query says.

        The table may not change meanwhile.
        """
        with self._lock, _GUARDED:
            cursor = self._connection.execute(f"SELECT {columns} FROM list {rest}", values)
        while True:
            with self._lock, _GUARDED:
                some = cursor.fetchmany(ROWS_AT_ONCE)
            if not some:
                return
            yield from some


class _Guarded:
    """Says in one line what the database could not do. A class, for a generator takes as long as adding a row."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # others are of wrong use
        if type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError):
            raise InputError(
                f"{_folder()}: this folder of temporary files takes no list of images ({error}); free some space "
                "there, or set TMPDIR to another folder"
            ) from error


_GUARDED = _Guarded()


def _folder() -> Path:
    """Return the folder in which SQLite makes temporary files, which is not where Python does."""
    named = [Path(os.environ[name]) for name in ("SQLITE_TMPDIR", "TMPDIR") if os.environ.get(name)]
    known = [*named, Path("/var/tmp"), Path("/usr/tmp"), Path("/tmp")]
    return next((folder for folder in known if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)), Path())
