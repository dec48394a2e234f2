"""Nothing that this program did not write is replaced or removed.

A target is written only where nothing lies, or where this program's own work lies unchanged. A folder of many files
(an export, masks of photographs) holds a record of them, `.wsss-written.jsonl`: path and digest of every file, noted
before the file gets its name. A file with another content than was noted is the user's, and stays. A single file is
known by its format. All targets are checked before the first byte is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from wsss.disk import RawFile, writing
from wsss.errors import InputError
from wsss.files import encoded, replacing
from wsss.protected import Inputs

RECORD = ".wsss-written.jsonl"
_HEADER = json.dumps({"wsss": "files written here, for them to be known again; delete it and they are yours"})
NOTHING = Inputs()


def check_target(
    target: Path, inputs: Inputs, ours: Callable[[Path], bool], *, foreign: str = "was not written by this program"
) -> None:
    """Refuse a file to write that is an input, or that this program did not write.

    Args:
        target: The file.
        inputs: The inputs of the run.
        ours: Returns whether the file that lies there may be replaced.
        foreign: Says what it is otherwise.

    Raises:
        InputError: In one line that says what to do.
    """
    reason = inputs.clash(target)
    if reason:
        raise InputError(f"{target}: {reason}; choose another output")
    _check_parents(target)
    if not os.path.lexists(target):
        return
    kind = os.lstat(target).st_mode
    if stat.S_ISDIR(kind):
        raise InputError(f"{target}: is a folder, and a file would be written there; choose another output")
    if not ours(target):
        link = f"is a link to {target.readlink()} that" if stat.S_ISLNK(kind) else "exists and"
        raise InputError(f"{target}: {link} {foreign}; move or delete it, or choose another output")


class OutputFolder:
    """A folder of files that this program writes, with the record of them.

    Args:
        folder: The folder; made with the first file.
        inputs: The inputs of the run.
    """

    def __init__(self, folder: str | Path, inputs: Inputs = NOTHING) -> None:
        self.folder, self._inputs = Path(folder), inputs
        self._record = self.folder / RECORD
        self._known: dict[str, set[str]] = defaultdict(set)
        self._checked: set[Path] = set()

    def check(self, targets: Iterable[Path], *, alone: Iterable[Path] = ()) -> None:
        """Refuse targets that must not be written, before anything is.

        Args:
            targets: Every file that will be written, below the folder.
            alone: Folders that must hold nothing but what this program writes: files of two origins side by side
                could not be told apart afterwards.

        Raises:
            InputError: Naming the first, what is wrong and what to do.
        """
        self._known = self._read()
        for target in targets:
            check_target(target, self._inputs, self.wrote, foreign=self._foreign(target))
            self._checked.add(target)
        for folder in alone:
            _check_parents(folder / "file")
            for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
                if not path.is_dir() and not path.name.startswith(".") and not self._known.get(self._key(path)):
                    raise InputError(
                        f"{folder}: holds {path.name}, which was not written by this program; "
                        "choose another output, an empty folder"
                    )

    def wrote(self, path: Path) -> bool:
        """Return whether this program wrote the file, or link, that lies there, and nobody has changed it since."""
        known = self._known.get(self._key(path))
        return bool(known) and content_digest(path) in known  # type: ignore[operator]

    def write_bytes(self, target: Path, content: bytes | memoryview) -> None:
        """Write bytes, and note them before the file gets its name.

        Raises:
            InputError: If another file has got the name meanwhile, or the disk is full or fails.
            ValueError: If the target was not checked.
        """
        self._check_again(target)
        with replacing(target, len(content)) as temporary:
            with RawFile(temporary) as file:
                file.write(content)
            # a file that has its name and is not noted could never be written again; one that is noted and has no
            # name does no harm, and what lies there is still known by its own line
            self._note(target, content_digest(temporary))

    def write_text(self, target: Path, text: str) -> None:
        """Write text as UTF-8, as `write_bytes` does."""
        self.write_bytes(target, text.encode())

    def write_picture(self, target: Path, picture: Any, form: str, **options: Any) -> None:
        """Write a picture of Pillow, encoded in memory, as `write_bytes` does."""
        self.write_bytes(target, encoded(picture, form, **options))

    def link(self, target: Path, source: Path) -> None:
        """Put a link to a file there.

        Raises:
            InputError: If another file has got the name meanwhile.
            ValueError: If the target was not checked.
        """
        self._check_again(target)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.symlink_to(source)
            try:
                self._note(target, content_digest(temporary))
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def remove_others(self, folder: Path, keep: Iterable[Path]) -> None:
        """Remove files of earlier runs below a folder, none but those that this program wrote and nobody has changed.

        Args:
            folder: The folder, or one in it.
            keep: Files that stay.
        """
        kept = set(keep)
        for key in list(self._known):
            path = self.folder / key
            if path.is_relative_to(folder) and path not in kept and os.path.lexists(path) and self.wrote(path):
                path.unlink()

    def _check_again(self, target: Path) -> None:
        if target not in self._checked:
            raise ValueError(f"{target} is written without having been checked")
        if os.path.lexists(target):
            check_target(target, self._inputs, self.wrote, foreign=self._foreign(target))

    def _foreign(self, target: Path) -> str:
        return (
            "was changed after this program wrote it"
            if self._known.get(self._key(target))
            else ("was not written by this program")
        )

    def _key(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _read(self) -> dict[str, set[str]]:
        """Read the record: the contents that this program gave each path."""
        found: dict[str, set[str]] = defaultdict(set)
        if not os.path.lexists(self._record):
            return found
        status = os.lstat(self._record)
        # lines are added to it, so it must be no other file's second name
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        text = self._record.read_text(encoding="utf-8", errors="replace") if plain else "no record"
        head, *lines = text.strip().split("\n")
        # a run may have been killed while it wrote the first line
        if not _HEADER.startswith(head):
            raise InputError(f"{self._record}: no record of this program; move it, or choose another output")
        for line in lines:
            try:
                path, digest = json.loads(line)
                found[path].add(digest)
            except (ValueError, TypeError):
                continue  # cut short by a kill; nothing got a name after it
        return found

    def _note(self, target: Path, digest: str) -> None:
        """Add a line to the record; each begins by ending the one before, which may have been cut short."""
        key = self._key(target)
        if digest in self._known[key]:
            return
        line = "\n" + json.dumps([key, digest], ensure_ascii=True)
        with writing(self._record):
            self.folder.mkdir(parents=True, exist_ok=True)
            with RawFile(self._record, append=True) as file:
                file.write((line if file.tell() else _HEADER + line).encode())
        self._known[key].add(digest)


def content_digest(path: Path) -> str:
    """Return a digest of a file's content, or the place that a link leads to; empty for anything else."""
    kind = os.lstat(path).st_mode
    if stat.S_ISLNK(kind):
        return f"link {path.readlink()}"
    if not stat.S_ISREG(kind):
        return ""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _check_parents(target: Path) -> None:
    """Refuse a file in a folder that is none."""
    above = next((folder for folder in target.parents if os.path.lexists(folder)), None)
    if above is not None and not above.is_dir():
        raise InputError(f"{above}: is no folder, and {target.name} would be written below it; choose another output")
