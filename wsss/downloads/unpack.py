"""Unpack archives: nothing is replaced, nothing leaves the folder, and a second run goes on where the first was."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from wsss.disk import RawFile, require_space, writing
from wsss.errors import InputError
from wsss.progress import Progress
from wsss.temporary import temporary_name

BLOCK = 2**20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: Path, place: Callable[[str], str | None] = lambda name: name) -> list[Path]:
    """Unpack an archive (.zip, .tar, .tgz) into a folder. Links and devices in it are left out.

    Args:
        place: Says the path of a member below the folder, by its name in the archive; None leaves it out.

    Returns:
        The files that it holds and that are wanted.

    Raises:
        InputError: If the archive is damaged, a member would lie outside the folder, another file is in the way, or the
            disk is too small. What is unpacked by then stays.
    """
    with _explained(archive), _members(archive) as members:
        targets = {}
        for member in members:
            name = place(member.name)
            if name is not None:
                targets[_target(archive, folder, name)] = member
        missing = {target: member for target, member in targets.items() if not _is_there(archive, target, member)}
        require_space(folder, sum(member.size for member in missing.values()), f"the files in {archive.name}")
        done = len(targets) - len(missing)
        with Progress(f"unpack {archive.name}", len(targets), done=done, unit="files") as progress:
            for target, member in missing.items():
                _write(member, target)
                progress.advance()
    os.sync()
    return list(targets)


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[_Member]]:
    """List the files of an archive, in their order."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield (
                _Member(item.filename, item.file_size, lambda item=item: zipped.open(item))  # type: ignore[misc]
                for item in zipped.infolist()
                if not item.is_dir()
            )
    else:
        with tarfile.open(archive) as packed:
            yield (
                _Member(item.name, item.size, lambda item=item: packed.extractfile(item))  # type: ignore[misc]
                for item in packed
                if item.isfile()
            )


def _target(archive: Path, folder: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name or "\\" in name:
        raise InputError(f"{archive}: holds {name!a:.80}, which would lie outside {folder}; take another archive")
    return folder.joinpath(*path.parts)


def _is_there(archive: Path, target: Path, member: _Member) -> bool:
    if not os.path.lexists(target):
        return False
    if target.is_file() and target.stat().st_size == member.size:
        return True
    raise InputError(f"{target}: is there, but is not the file in {archive.name} (its size differs); move or delete it")


def _write(member: _Member, target: Path) -> None:
    # one flush for all at the end: one for each of 100,000 files takes longer than all the rest
    temporary = temporary_name(target)
    with writing(target, member.size):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with member.open() or open(os.devnull, "rb") as source, RawFile(temporary) as file:  # noqa: PTH123
                shutil.copyfileobj(source, file, BLOCK)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{archive}: damaged or no archive ({reason}); delete it and download it again") from None
