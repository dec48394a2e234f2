"""Finding image files below a folder, and reading lists of them."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from wsss.data.sources.records import check_id, nearest
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.protected import PICTURES, RESULTS
from wsss.system_errors import said_of

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
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self._by_stem[_normal(_stem(name))].append(name)
        self._names: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        for name in names:
            image_id = _normal(name if len(self._by_stem[_normal(_stem(name))]) > 1 else _stem(name))
            if image_id in self._names:
                raise InputError(f"{self.folder}: two files have the name `{image_id}` up to spelling; rename one")
            self._names[image_id] = name
            self._by_name[_normal(name)] = image_id
        self.paths: Mapping[str, Path] = _PathsBelow(self.folder, self._names)
        self._starts = ("", *shared_folders(self._names)) if short else ("",)

    def find(self, name: str, where: str) -> str:
        """Find the id of a file that people name by its path below the folder, with or without suffix.

        Args:
            where: File and line that name it, for messages.

        Raises:
            InputError: If there is no such file, or there are several.
        """
        key = _normal(name.removeprefix("./"))
        check_id(key, where)
        found: list[str] = []
        for start in self._starts:
            if start + key in self._by_name:
                return self._by_name[start + key]
            if found := self._by_stem.get(start + key, []):
                break
        if not found:
            hint = nearest(key, self._by_name if "." in key else self._by_stem)
            raise InputError(f"{where}: there is no image `{name}` in {self.folder}{hint}")
        if len(found) > 1:
            raise InputError(f"{where}: `{name}` may be `{found[0]}` or `{found[1]}`; write the suffix too")
        return self._by_name[_normal(found[0])]

    def of(self, image_ids: Collection[str], start: str = "") -> Mapping[str, Path]:
        """Return the paths of those of the images that have a file here, by id, in the order of the files.

        Args:
            image_ids: The images.
            start: What their ids begin with and names of files here do not.
        """
        own = ((start + own, name) for own, name in self._names.items())
        return _PathsBelow(self.folder, {image_id: name for image_id, name in own if image_id in image_ids})

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
            names = self._by_stem.get(image_id.removeprefix(start), ())
            if len(names) > 1:
                raise InputError(
                    f"{self.folder}: `{names[0]}` and `{names[1]}` are both named like the image `{image_id}`; keep one"
                )


class _PathsBelow(Mapping[str, Path]):
    """Paths of files in a folder, by id; made when they are asked for, because a path takes 0.5 kB and a text 0.1."""

    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        self._folder, self._names = folder, names

    def __getitem__(self, image_id: str) -> Path:
        return self._folder / self._names[image_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


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


def _stem(name: str) -> str:
    """Return the name without the suffix of an image, if it has one."""
    for suffix in PICTURES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _normal(name: str) -> str:
    """Bring equal Unicode to one spelling: some systems store an accent apart from its letter."""
    return unicodedata.normalize("NFC", name)
