"""Nothing that this program did not write is replaced or removed.

A target is written only where nothing lies, or where this program's own work lies unchanged. A folder of many files
(an export, masks of photographs) holds a record of them, `.wsss-written.jsonl`: path and digest of every file, noted
before the file gets its name. A file with another content than was noted is the user's, and stays. A single file is
known by its format. All targets are checked before the first byte is written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from wsss.disk import RawFile, require_space, warn_of_space, writing
from wsss.errors import InputError
from wsss.files import encoded, replacing
from wsss.protected import Inputs
from wsss.record import Record, what_lies
from wsss.temporary import temporary_name

MEASURED_FILES = 32
"""Files after whose writing the space for the others is estimated."""
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
        self._record = Record(self.folder)
        self._checked: set[Path] = set()
        self._new: set[Path] = set()
        self._sizes: list[int] = []

    def check(
        self, targets: Iterable[Path], *, links: Iterable[Path] = (), alone: Iterable[Path] = (), least: int = 0
    ) -> None:
        """Refuse targets that must not be written, before anything is, and files that surely do not fit on the disk.

        Args:
            targets: Every file that will be written, below the folder.
            links: Further ones that will mostly be links, which take no space.
            alone: Folders that must hold nothing but what this program writes: files of two origins side by side
                could not be told apart afterwards.
            least: Bytes that a file takes at the very least.

        Raises:
            InputError: Naming the first, what is wrong and what to do.
        """
        self._record.read()
        targets = list(targets)
        for target in [*targets, *links]:
            check_target(target, self._inputs, self._record.wrote, foreign=self._foreign(target))
            self._checked.add(target)
        self._new = {target for target in targets if not os.path.lexists(target)}
        require_space(self.folder, least * len(self._new), f"{len(self._new)} files")
        for folder in alone:
            _check_parents(folder / "file")
            for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
                if not path.is_dir() and not path.name.startswith(".") and not self._record.has(path):
                    raise InputError(
                        f"{folder}: holds {path.name}, which was not written by this program; "
                        "choose another output, an empty folder"
                    )

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
            self._record.note(target, what_lies(temporary))
        self._warn_of_space(target, len(content))

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
        temporary = temporary_name(target)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.symlink_to(source)
            try:
                self._record.note(target, what_lies(temporary))
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def remove_others(self, folder: Path, keep: Iterable[Path]) -> None:
        """Remove files of earlier runs below a folder, none but those that `remove` may.

        Args:
            folder: The folder, or one in it.
            keep: Files that stay.
        """
        kept = set(keep)
        for path in self._record.paths():
            if path.is_relative_to(folder) and path not in kept:
                self.remove(path)

    def remove(self, path: Path) -> None:
        """Remove a file of an earlier run if this program wrote it, nobody has changed it, and it is no input.

        Args:
            path: The file, below the folder; it need not be there.
        """
        if os.path.lexists(path) and not self._inputs.clash(path) and self._record.wrote(path):
            with writing(path):
                path.unlink()

    def _warn_of_space(self, target: Path, size: int) -> None:
        """Say after the first files whether the others would fit at their mean size; those replaced take none."""
        if target not in self._new:
            return
        self._new.remove(target)
        self._sizes.append(size)
        if len(self._sizes) == MEASURED_FILES:
            warn_of_space(self.folder, sum(self._sizes) * len(self._new) // MEASURED_FILES)

    def _check_again(self, target: Path) -> None:
        if target not in self._checked:
            raise ValueError(f"{target} is written without having been checked")
        if os.path.lexists(target):
            check_target(target, self._inputs, self._record.wrote, foreign=self._foreign(target))

    def _foreign(self, target: Path) -> str:
        changed = self._record.has(target)
        return "was changed after this program wrote it" if changed else "was not written by this program"


def _check_parents(target: Path) -> None:
    """Refuse a file in a folder that is none."""
    above = next((folder for folder in target.parents if os.path.lexists(folder)), None)
    if above is not None and not above.is_dir():
        raise InputError(f"{above}: is no folder, and {target.name} would be written below it; choose another output")
