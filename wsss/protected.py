"""The paths that a run reads. None of them may be written, under any of its names."""

from __future__ import annotations

import os
import stat
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
"""What tells an input: a name, or its number on the disk."""
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
"""Endings of files that are taken for photographs, masks or maps wherever a folder of them is read."""
RESULTS = "results"
"""A folder of this name directly in a folder of photographs is left out: a run writes its pictures there."""


class Inputs:
    """Inputs of one run, to compare its outputs with.

    A path is an input under every name: relative, through links, through `..`, as a hard link, and in other letters
    (`Photos` and `photos` are one folder on many systems). What is not there cannot be damaged and does no harm.

    Args:
        files: Files and folders that the run reads; None is left out.
        folders: Folders in which every picture is an input, at any depth.
        many: Further files, of which there may be a hundred thousand. They are gone through anew where they are asked
            for, and not kept.
    """

    def __init__(
        self,
        files: Iterable[Path | str | None] = (),
        folders: Iterable[Path | None] = (),
        many: Iterable[str] = (),
    ) -> None:
        assert not isinstance(many, Iterator), "can be gone through once only"
        self._many = many
        self._folders = [str(path) for path in folders if path is not None]
        self._files = [*(str(Path(path)) for path in files if path is not None), *self._folders]
        self._real_folders: dict[str, str] = {}

    def clash(self, target: Path) -> str:
        """Say why a target must not be written: what is read would be lost, or what is written would be read.

        Args:
            target: The file to write. A link there is not followed: writing replaces the link itself.

        Returns:
            The reason, to stand behind the name of the target; empty if there is none.
        """
        name = self._name(str(target))
        found = self._last(name, self._name_hashes, self._names)
        if found is None:
            with suppress(OSError, ValueError):
                # first: most targets are not there yet, and then no input needs a look
                number = _number(os.lstat(target))
                found = self._last(number, self._number_hashes, _numbers)
        if found is not None:
            return "is an input of this run" + ("" if found == str(target) else f" ({found})")
        if name.endswith(PICTURES):
            for key, folder in self._searched.items():
                below = name.removeprefix(key).split("/")
                # what is hidden is no input, nor what a run inside its own photographs makes
                if name.startswith(key) and below[0] != RESULTS and not any(part.startswith(".") for part in below):
                    return f"would be taken for one of the inputs in {folder}"
        return ""

    def _last(self, key: Key, hashes: array[int], keys: Callable[[str], Iterable[Key]]) -> str | None:
        """Return the last input that has a key; None if there is none."""
        place = bisect_left(hashes, _hash(key))
        if place == len(hashes) or hashes[place] != _hash(key):
            return None
        found = None
        for path in chain(self._files, self._many):
            if key in keys(path):
                found = path
        return found

    @cached_property
    def _name_hashes(self) -> array[int]:
        return self._hashes(self._names)

    @cached_property
    def _number_hashes(self) -> array[int]:
        return self._hashes(_numbers)

    def _hashes(self, keys: Callable[[str], Iterable[Key]]) -> array[int]:
        """Return the hashes of the keys of all inputs in order: the keys themselves take forty times as much."""
        # here, for lists of images are read without it
        import numpy as np

        found = array("I", (_hash(key) for path in chain(self._files, self._many) for key in keys(path)))
        # in place, for a list of them takes ten times as much
        np.frombuffer(found, np.uintc).sort()
        return found

    def _names(self, path: str) -> Iterator[str]:
        """Yield the names of an input: of itself, and of what it leads to."""
        yield self._name(path)
        # not by a `Path`: for each name in it, Python's table of names grows
        if os.path.islink(path):  # noqa: PTH114
            yield _normal(os.path.realpath(path))

    @cached_property
    def _searched(self) -> dict[str, str]:
        return {_normal(os.path.realpath(path)).rstrip("/") + "/": path for path in self._folders}

    def _name(self, path: str) -> str:
        """Return the real path, but for a link at its end, in one spelling."""
        parent, name = os.path.split(path)
        if name in ("", ".", ".."):
            return _normal(os.path.realpath(path))
        if parent not in self._real_folders:
            self._real_folders[parent] = os.path.realpath(parent)
        return _normal(f"{self._real_folders[parent].rstrip('/')}/{name}")


def given_paths(values: Any) -> Iterator[Path]:
    """Yield every path among the values of a call; of a text, the file that it names or that follows `NAME=`."""
    if isinstance(values, Path):
        yield values
    elif isinstance(values, str):
        for text in (values, values.partition("=")[2]):
            # settings may be JSON, which is no name of a file
            if text and len(text) < 4096 and "{" not in text:
                yield Path(text)
    elif isinstance(values, Mapping):
        yield from given_paths(list(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from given_paths(value)


def _hash(key: Hashable) -> int:
    """Return 32 bits; where two keys share them, all inputs are gone through once more."""
    return hash(key) & 0xFFFFFFFF


def _numbers(path: str) -> Iterator[tuple[int, int]]:
    """Yield device and inode of an input and of what it leads to: they tell hard links, and folders mounted twice."""
    with suppress(OSError, ValueError):
        own = os.lstat(path)
        yield _number(own)
        if stat.S_ISLNK(own.st_mode):
            yield _number(os.stat(path))  # noqa: PTH116


def _number(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _normal(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
