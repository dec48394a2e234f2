"""The record of the files that this program wrote into a folder, by which they are known again.

It lies in the folder itself, so that it moves with it: `.wsss-written.jsonl`, a line for the path and the digest of
every file. A file with another content than was noted is the user's.
"""

from __future__ import annotations

import json
import os
import stat
from collections import defaultdict
from pathlib import Path

from wsss.checksums import file_digest
from wsss.disk import RawFile, writing
from wsss.errors import InputError

RECORD = ".wsss-written.jsonl"
_HEADER = json.dumps({"wsss": "files written here, for them to be known again; delete it and they are yours"})


class Record:
    """The record of one folder; empty until it is read.

    Args:
        folder: The folder; made with the first note.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / RECORD
        self._known: dict[str, set[str]] = defaultdict(set)

    def read(self) -> None:
        """Read it anew; what is not there is empty.

        Raises:
            InputError: If something else has its name.
        """
        self._known.clear()
        if not os.path.lexists(self.path):
            return
        status = os.lstat(self.path)
        # lines are added to it, so it must be no other file's second name
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        text = self.path.read_text(encoding="utf-8", errors="replace") if plain else "no record"
        head, *lines = text.strip().split("\n")
        # a run may have been killed while it wrote the first line
        if not _HEADER.startswith(head):
            raise InputError(f"{self.path}: no record of this program; move it, or choose another output")
        for line in lines:
            try:
                path, digest = json.loads(line)
                self._known[path].add(digest)
            except (ValueError, TypeError):
                continue  # cut short by a kill; nothing got a name after it

    def paths(self) -> list[Path]:
        """List the files that are noted and lie there, changed or not."""
        return [path for path in (self.folder / key for key in self._known) if os.path.lexists(path)]

    def has(self, path: Path) -> bool:
        """Return whether a file of this name was ever written here."""
        return bool(self._known.get(self._key(path)))

    def wrote(self, path: Path) -> bool:
        """Return whether this program wrote the file, or link, that lies there, and nobody has changed it since."""
        return self.has(path) and what_lies(path) in self._known[self._key(path)]

    def note(self, target: Path, digest: str) -> None:
        """Add a line; each begins by ending the one before, which may have been cut short.

        Args:
            target: The file.
            digest: Of `what_lies` there, or will.

        Raises:
            InputError: If the line cannot be written.
        """
        key = self._key(target)
        if digest in self._known[key]:
            return
        line = "\n" + json.dumps([key, digest], ensure_ascii=True)
        with writing(self.path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with RawFile(self.path, append=True) as file:
                file.write((line if file.tell() else _HEADER + line).encode())
        self._known[key].add(digest)

    def _key(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


class WrittenBelow:
    """Tells which files below a folder this program wrote and nobody has changed, by the records that lie there.

    Args:
        top: The folder; records above it do not count.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._records: dict[Path, Record] = {}

    def __contains__(self, path: Path) -> bool:
        above = (folder for folder in path.parents if folder.is_relative_to(self._top))
        return any(self._record(folder).wrote(path) for folder in above)

    def _record(self, folder: Path) -> Record:
        if folder not in self._records:
            self._records[folder] = readable_record(folder)
        return self._records[folder]


def readable_record(folder: Path) -> Record:
    """Return the record of a folder that is only looked at; an empty one where there is none, or something else."""
    found = Record(folder)
    try:
        found.read()
    except (InputError, OSError):
        return Record(folder)
    return found


def what_lies(path: Path) -> str:
    """Return the digest of a file, or the place that a link leads to; empty for anything else."""
    kind = os.lstat(path).st_mode
    if stat.S_ISLNK(kind):
        return f"link {path.readlink()}"
    return file_digest(path) if stat.S_ISREG(kind) else ""


__all__ = ["RECORD", "Record", "WrittenBelow", "readable_record", "what_lies"]
