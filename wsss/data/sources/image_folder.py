"""The image files below a folder, and lists of them."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from heapq import merge
from pathlib import Path
from typing import TypeVar

from wsss.data.sources.files import existing_folder, read_lines, walk_pictures
from wsss.data.sources.lists import ID, UNIQUE_ID, ById, TextColumn, bytes_of, text_of
from wsss.data.sources.records import check_id, nearest
from wsss.errors import InputError
from wsss.protected import PICTURES
from wsss.scratch import ScratchTable

_Made = TypeVar("_Made")

MASK_SUFFIXES = (".png", ".tif", ".tiff")


class ImageFolder:
    """The image files below a folder, at any depth, by id; hidden files and folders are left out.

    An id is the path below the folder without suffix, in one spelling of equal Unicode. Where files differ in the
    suffix alone, their ids keep it.

    Args:
        folder: The folder.
        setting: The setting that names it, for messages.
        suffixes: Endings of image files, in lower case; files may have them in upper case.
        exclude: Folders below it that hold something else (masks).
        short: People may leave out, where they name files, the folders that hold all of them.

    Attributes:
        paths: Path of each file, by id, sorted.

    Raises:
        InputError: If there is no such folder, or it or one below it cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        setting: str,
        *,
        suffixes: Sequence[str] = PICTURES,
        exclude: Sequence[Path] = (),
        short: bool = False,
    ) -> None:
        self.folder = existing_folder(folder, setting)
        names, self._folders = walk_pictures(
            self.folder, tuple(suffixes), {Path(os.path.realpath(path)) for path in exclude}
        )
        self._files, self._alike = _by_stem(names, str(self.folder))
        if self._alike:
            others = sorted(name for alike in self._alike.values() for name in alike[1:])
            self._files = self._by_id(merge(TextColumn(self._files, "name"), others))
        self.paths: Mapping[str, Path] = _by_name(self._files, self.folder.__truediv__)
        self._starts = ("", *shared_folders(self.paths)) if short else ("",)

    def _by_id(self, names: Iterable[str]) -> ScratchTable:
        """Return a table of ids and names of files some of which differ in the suffix alone."""
        files = ScratchTable(UNIQUE_ID, "name")
        for name in names:
            image_id = self._id(name)
            if not files.append(bytes_of(image_id), bytes_of(name)):
                raise InputError(f"{self.folder}: two files have the name `{image_id}` up to spelling; rename one")
        return files

    def _id(self, name: str) -> str:
        """Return the id of a file."""
        stem = _normal(_stem(name))
        return _normal(name) if stem in self._alike else stem

    def find(self, name: str, where: str) -> str:
        """Find the id of a file that people name by its path below the folder, with or without suffix.

        Args:
            where: File and line that name it, for messages.

        Raises:
            InputError: If there is no such file, or there are several.
        """
        key = _normal(name.removeprefix("./"))
        check_id(key, where)
        for start in self._starts:
            if (image_id := self._id_of_file(start + key)) is not None:
                return image_id
            if alike := self._alike.get(start + key):
                raise InputError(f"{where}: `{name}` may be `{alike[0]}` or `{alike[1]}`; write the suffix too")
        known = dict.fromkeys(_normal(name if "." in key else _stem(name)) for name in TextColumn(self._files, "name"))
        raise InputError(f"{where}: there is no image `{name}` in {self.folder}{nearest(key, known)}")

    def _id_of_file(self, key: str) -> str | None:
        """Return the id of the file of a name in one spelling, with or without suffix; None if none has it alone."""
        # with its suffix the key is the whole name; without it, it is an id, which no stem is that several files share
        image_id = self._id(key)
        found = self._files.first("name", f"{ID} = ?", bytes_of(image_id))
        if found is not None and (image_id == key or _normal(text_of(found[0])) == key):
            return image_id
        return key if key != image_id and key in self.paths else None

    def relative_to(self, root: Path) -> Mapping[str, str]:
        """Return the path of each file by id: below the root, with `/`, or in full where it lies elsewhere."""
        return _by_name(self._files, _from_root(self.folder, root))

    def count_masks(self, image_ids: Collection[str], start: str = "") -> int:
        """Return how many of the images have a file here.

        Args:
            image_ids: The images.
            start: What their ids begin with and names of files here do not.
        """
        return sum(start + own in image_ids for own in self.paths)

    def check_masks(self, image_ids: Collection[str], start: str = "") -> None:
        """Refuse what would leave an image without its mask, in silence: a folder in its place, or two files.

        Args:
            image_ids: The images whose masks these files are.
            start: What their ids begin with and names of files here do not.

        Raises:
            InputError: Naming the first.
        """
        for name in self._folders:
            stem = _normal(_stem(name))
            if start + stem in image_ids and stem not in self.paths:
                raise InputError(f"{self.folder / name}: is a folder, not an image file; replace or rename it")
        for image_id in image_ids:
            if names := self._alike.get(image_id.removeprefix(start)):
                raise InputError(
                    f"{self.folder}: `{names[0]}` and `{names[1]}` are both named like the image `{image_id}`; keep one"
                )


def _by_stem(names: Iterable[str], folder: str) -> tuple[ScratchTable, dict[str, list[str]]]:
    """Check the names of the files in a folder, sorted; sort them by what they are without suffix.

    Returns:
        This, as the id, and the first name, by row; and all names that differ in the suffix alone, by what is the same.
    """
    files, alike = ScratchTable(UNIQUE_ID, "name"), defaultdict(list)
    for name in names:
        check_id(name, folder)
        stem = _normal(_stem(name))
        if not files.append(bytes_of(stem), bytes_of(name)):
            alike[stem].append(name)
    first = _by_name(files, str)
    return files, {stem: [first[stem], *others] for stem, others in alike.items()}


def _by_name(files: ScratchTable, make: Callable[[str], _Made]) -> Mapping[str, _Made]:
    """Return what is made of the names in a table of files, by id."""
    return ById(files, "name", lambda name: make(text_of(name)))


def _from_root(folder: Path, root: Path) -> Callable[[str], str]:
    """Return what makes the path below the root, with `/`, of a name in the folder; in full where it lies elsewhere."""
    start = folder.relative_to(root) if folder.is_relative_to(root) else folder.absolute()
    # joined to nothing, a folder ends with /
    return posixpath.join("" if start == Path() else start.as_posix(), "").__add__


def shared_folders(image_ids: Collection[str]) -> tuple[str, ...]:
    """Return the folders that hold all of the images, the uppermost first: paths below the root that end with `/`."""
    if not image_ids:
        return ()
    # what the first and the last of sorted texts begin with, all between them begin with
    shared = posixpath.commonpath([posixpath.dirname(image_id) for image_id in (min(image_ids), max(image_ids))])
    folders = shared.split("/") if shared else []
    return tuple("/".join(folders[:depth]) + "/" for depth in range(1, len(folders) + 1))


def read_image_list(
    path: Path, setting: str, images: ImageFolder, keep: Callable[[str], bool] = lambda name: True
) -> Mapping[str, int]:
    """Read a list of images, one a line, blank lines left out.

    Args:
        keep: Which names count; the others may be of images that are not there.

    Returns:
        The line of each image, by id, in the order of the list.

    Raises:
        InputError: If the list is missing, or names an image twice, or one that is not there.
    """
    table = ScratchTable(UNIQUE_ID, "line")
    found = ById(table, "line", int)
    for number, line in read_lines(path, setting):
        if not keep(_stem(line)):
            continue
        image_id = images.find(line, f"{path} line {number}")
        if not table.append(bytes_of(image_id), number):
            raise InputError(
                f"{path} line {number}: image `{image_id}` is in the list twice (first in line {found[image_id]}); "
                "remove one"
            )
    return found


def check_disjoint(train: Mapping[str, int], val: Mapping[str, int], path: Path) -> None:
    """Refuse an image of the val list that is also in train.

    Raises:
        InputError: Naming the first.
    """
    for image_id, number in val.items():
        if image_id in train:
            raise InputError(f"{path} line {number}: image `{image_id}` of val is in train too; remove it from one")


def _stem(name: str) -> str:
    """Return the name without the suffix of an image, if it has one."""
    start, dot, end = name.rpartition(".")
    return start if dot + end.lower() in PICTURES else name


def _normal(name: str) -> str:
    """Bring equal Unicode to one spelling: some systems store an accent apart from its letter."""
    return unicodedata.normalize("NFC", name)
