"""The image files below a folder, and lists of them."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from wsss.data.sources.files import existing_folder, read_lines, walk_pictures
from wsss.data.sources.packed import MadeFrom, PackedNames, PackedTexts
from wsss.data.sources.records import check_id, nearest
from wsss.errors import InputError
from wsss.protected import PICTURES

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
        for name in names:
            check_id(name, str(self.folder))
        stems, self._alike = _stems(names)
        self._ids = self._ids_of(names) if self._alike else stems
        self._names = PackedTexts(names)
        self.paths: Mapping[str, Path] = MadeFrom(self._ids, self._names, self.folder.__truediv__)
        self._starts = ("", *shared_folders(self._ids)) if short else ("",)

    def _ids_of(self, names: Sequence[str]) -> PackedNames:
        """Return the ids of files some of which differ in the suffix alone."""
        ids = PackedNames()
        for name in names:
            image_id = self._id(name)
            if image_id in ids:
                raise InputError(f"{self.folder}: two files have the name `{image_id}` up to spelling; rename one")
            ids.append(image_id)
        return ids

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
            if (row := self._row_of_file(start + key)) is not None:
                return self._ids[row]
            if alike := self._alike.get(start + key):
                raise InputError(f"{where}: `{name}` may be `{alike[0]}` or `{alike[1]}`; write the suffix too")
        known = dict.fromkeys(_normal(name if "." in key else _stem(name)) for name in self._names)
        raise InputError(f"{where}: there is no image `{name}` in {self.folder}{nearest(key, known)}")

    def _row_of_file(self, key: str) -> int | None:
        """Return the row of the file of a name in one spelling, with or without suffix; None if none has it alone."""
        # with its suffix the key is the whole name; without it, it is an id, which no stem is that several files share
        row = self._ids.row(self._id(key))
        return row if row is not None and _normal(self._names[row]) == key else self._ids.row(key)

    def relative_to(self, root: Path) -> Mapping[str, str]:
        """Return the path of each file by id: below the root, with `/`, or in full where it lies elsewhere."""
        return MadeFrom(self._ids, self._names, _from_root(self.folder, root))

    def masks(self, image_ids: Collection[str], root: Path, start: str = "") -> Mapping[str, str]:
        """Return the paths, as `relative_to` does, of those of the images that have a file here.

        Args:
            image_ids: The images.
            root: What the paths start from.
            start: What their ids begin with and names of files here do not.
        """
        ids, names = PackedNames(), PackedTexts()
        for own, name in zip(self._ids, self._names, strict=True):
            if start + own in image_ids:
                ids.append(start + own)
                names.append(name)
        return MadeFrom(ids, names, _from_root(self.folder, root))

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


def _stems(names: Sequence[str]) -> tuple[PackedNames, dict[str, list[str]]]:
    """Return what names are without suffix, each once, and by it the names that differ in the suffix alone."""
    stems = PackedNames()
    alike: dict[str, list[str]] = {}
    for name in names:
        stem = _normal(_stem(name))
        if stem in stems:
            alike[stem] = []
        else:
            stems.append(stem)
    for name in names if alike else ():
        if (stem := _normal(_stem(name))) in alike:
            alike[stem].append(name)
    return stems, alike


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
) -> dict[str, int]:
    """Read a list of images, one a line, blank lines left out.

    Args:
        keep: Which names count; the others may be of images that are not there.

    Returns:
        The line of each image, by id, in the order of the list.

    Raises:
        InputError: If the list is missing, or names an image twice, or one that is not there.
    """
    found: dict[str, int] = {}
    for number, line in read_lines(path, setting):
        if not keep(_stem(line)):
            continue
        image_id = images.find(line, f"{path} line {number}")
        if image_id in found:
            raise InputError(
                f"{path} line {number}: image `{image_id}` is in the list twice (first in line {found[image_id]}); "
                "remove one"
            )
        found[image_id] = number
    return found


def check_disjoint(train: dict[str, int], val: dict[str, int], path: Path) -> None:
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
