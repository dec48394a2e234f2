"""Open artifacts, to read from. An artifact that the pipeline replaces meanwhile is opened again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from wsss.data import Dataset
from wsss.data.artifacts import check_array, check_header
from wsss.store import ArtifactReader

MOST_OPEN = 64
"""Number of files to keep open; the one unused for longest is closed first."""


def version_of(path: Path) -> str | None:
    """Return a text that changes when the file is replaced; None if there is no file.

    Artifacts are renamed into place. The new file has another inode, since the old one keeps its number while open.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"


@dataclass
class _Book:
    version: str
    reader: ArtifactReader
    attributes: dict[str, Any]
    kinds: list[str] = field(default_factory=list)


class Shelf:
    """Reads artifacts for many threads, one at a time: HDF5 allows no more."""

    def __init__(self) -> None:
        self._books: OrderedDict[Path, _Book] = OrderedDict()
        self._lock = RLock()

    def attributes(self, path: Path) -> dict[str, Any]:
        """Return the root attributes of an artifact.

        Raises:
            InputError: If it is missing or damaged.
        """
        with self._book(path) as book:
            return book.attributes

    def kinds(self, path: Path) -> list[str]:
        """Return the kinds of arrays that the artifact holds per image."""
        with self._book(path) as book:
            return book.kinds

    def has(self, path: Path, kind: str, image_id: str) -> bool:
        """Return whether the artifact holds an array of this kind for an image."""
        with self._book(path) as book:
            return book.reader.has(kind, image_id)

    def read(self, path: Path, kind: str, image_id: str, dataset: Dataset) -> tuple[np.ndarray, dict[str, Any]]:
        """Read one array of one image with its attributes, and check both against an index.

        Raises:
            InputError: If the array is missing or damaged, or does not fit the index.
        """
        with self._book(path) as book:
            array, attributes = book.reader.read_with_attributes(kind, image_id)
            check_header(path, book.attributes, book.kinds, dataset)
            check_array(path, kind, image_id, array, attributes, dataset, str(book.attributes.get("stage")))
            return array, attributes

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            while self._books:
                self._books.popitem()[1].reader.close()

    @contextmanager
    def _book(self, path: Path) -> Iterator[_Book]:
        with self._lock:
            version, book = version_of(path), self._books.get(path)
            if book is None or book.version != version:
                if book is not None:
                    book.reader.close()
                    del self._books[path]
                reader = ArtifactReader(path)
                book = _Book(version or "", reader, reader.attributes, reader.kinds())
                self._books[path] = book
                while len(self._books) > MOST_OPEN:
                    self._books.popitem(last=False)[1].reader.close()
            self._books.move_to_end(path)
            yield book
