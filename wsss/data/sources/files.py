"""Finding files below a folder, and reading text files."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.protected import PICTURES, RESULTS
from wsss.system_errors import said_of


def read_lines(path: Path, setting: str) -> list[tuple[int, str]]:
    """Read the lines of a text file that are not blank, with their numbers, without white space around them.

    Raises:
        InputError: If the file is missing or not UTF-8.
    """
    text = read_text(path, setting)
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), start=1))
    return [(number, line) for number, line in lines if line]


def read_text(path: Path, setting: str) -> str:
    """Read a UTF-8 text file, with or without byte order mark.

    Raises:
        InputError: If the file is missing, no file, or not UTF-8.
    """
    check_regular(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; correct `{setting}`") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a file; correct `{setting}`") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = said_of(error) if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({reason}); correct `{setting}`") from None


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
) -> tuple[list[str], list[str]]:
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

    def refuse(error: OSError) -> None:
        raise InputError(
            f"{error.filename}: the folder cannot be read ({error.strerror}); make it readable, or move it"
        )

    found: list[str] = []
    like_files: list[str] = []
    seen = {Path(os.path.realpath(folder)), *exclude}
    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        prefix = "" if Path(place) == folder else Path(place).relative_to(folder).as_posix() + "/"
        found += [prefix + name for name in files if name.lower().endswith(suffixes) and not name.startswith(".")]
        like_files += [prefix + name for name in folders if name.lower().endswith(suffixes)]
        entered = []
        for name in sorted(folders):
            target = Path(os.path.realpath(Path(place, name)))
            own = not prefix and name == RESULTS
            if not name.startswith(".") and target not in seen and not own:
                seen.add(target)
                entered.append(name)
        folders[:] = entered
    return sorted(found), like_files
