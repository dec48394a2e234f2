"""Finding files below a folder, and reading text files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from wsss.data.sources.lists import bytes_of, text_of
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.protected import PICTURES, RESULTS
from wsss.scratch import ScratchTable
from wsss.system_errors import said_of

PIECE = 2**16
"""Characters that are decoded at a time."""


def read_lines(path: Path, setting: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that are not blank, with their numbers, without white space around them.

    Raises:
        InputError: If the file is missing or not UTF-8.
    """
    for number, line in enumerate(text_lines(path, setting), start=1):
        if text := line.strip():
            yield number, text


def text_lines(path: Path, setting: str) -> Iterator[str]:
    """Yield the lines of a UTF-8 text file, with or without byte order mark, with their ends.

    Raises:
        InputError: Before the first line, if the file is missing, no file, or not UTF-8.
    """
    check_regular(path)
    try:
        _decode(path)
        with path.open(encoding="utf-8-sig") as file:
            yield from file
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; correct `{setting}`") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a file; correct `{setting}`") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = said_of(error) if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({reason}); correct `{setting}`") from None


def _decode(path: Path) -> None:
    """Decode a whole file, and keep nothing of it."""
    with path.open(encoding="utf-8-sig") as file:
        try:
            while file.read(PIECE):
                pass
        except UnicodeDecodeError:
            # it counts the bytes of this piece; one of the whole text counts those of the file
            path.read_text(encoding="utf-8-sig")
            raise


def existing_folder(path: Path, setting: str) -> Path:
    """Return the path, if it is a folder.

    Raises:
        InputError: Otherwise.
    """
    try:
        if not path.is_dir():
            kind = "is a file, not a folder" if path.exists() else "no such folder"
            raise InputError(f"{path}: {kind}; correct `{setting}`")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); correct `{setting}`") from None
    return path


def walk_pictures(
    folder: Path, suffixes: tuple[str, ...] = PICTURES, exclude: Collection[Path] = ()
) -> tuple[Iterator[str], list[str]]:
    """List the paths below a folder with `/`; follow links to folders, and enter each folder once.

    What is hidden is left out, and `results` directly in the folder: a run writes its pictures there.

    Args:
        folder: The folder.
        suffixes: Endings, in lower case.
        exclude: Real paths of folders that are not entered.

    Returns:
        Files with one of the suffixes, sorted, and folders with one.

    Raises:
        InputError: If a folder cannot be read: what is in it would count as absent.
    """
    found, like_files = ScratchTable("name UNIQUE"), []
    seen, left = {Path(os.path.realpath(folder)), *exclude}, [folder]
    while left:
        place = left.pop()
        prefix = "" if place == folder else place.relative_to(folder).as_posix() + "/"
        folders = []
        for name, is_folder in _entries(place):
            if is_folder:
                folders.append(name)
            elif name.lower().endswith(suffixes) and not name.startswith("."):
                found.append(bytes_of(prefix + name))
        like_files += [prefix + name for name in folders if name.lower().endswith(suffixes)]
        entered = []
        for name in sorted(folders):
            target = Path(os.path.realpath(place / name))
            own = not prefix and name == RESULTS
            if not name.startswith(".") and target not in seen and not own:
                seen.add(target)
                entered.append(place / name)
        left += reversed(entered)
    return (text_of(name) for (name,) in found.rows("name", "ORDER BY name")), like_files


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the names in a folder, and whether each is a folder or a link to one."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name, _is_folder(entry)
    except OSError as error:
        raise InputError(
            f"{error.filename}: the folder cannot be read ({error.strerror}); make it readable, or move it"
        ) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads nowhere
