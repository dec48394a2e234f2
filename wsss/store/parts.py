"""An artifact of parts: it holds no arrays, but a link to each of them in the files of its parts.

The links are HDF5's own and relative, so that any HDF5 browser follows them, and a folder that is moved keeps them. The
reader follows them itself: it opens each part once, and says in one line which part is missing or of other content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import h5py

from wsss.errors import InputError
from wsss.store.layout import CHUNK_BYTES, PARTS, attributes_of, bound_metadata, is_array, rebuild_hint
from wsss.store.opening import guarded
from wsss.store.sums import SumTable


def named_parts(file: h5py.File) -> dict[str, str]:
    """Return the parts of an artifact, relative to its folder, with their fingerprints; none for an artifact whole."""
    return json.loads(attributes_of(file)[PARTS]) if PARTS in file.attrs else {}


def link_arrays(file: h5py.File, arrays: SumTable, part: Path, name: str) -> None:
    """Link all arrays of a part into an artifact.

    Args:
        file: The artifact, open for writing.
        arrays: The arrays of the part.
        part: Its file, for messages.
        name: The same, below the folder of the artifact.

    Raises:
        ValueError: If the artifact has one of them.
    """
    for run in arrays.runs():
        for array in run["name"].tolist():
            try:
                file[array.decode()] = h5py.ExternalLink(name, array.decode())
            except (OSError, RuntimeError, ValueError):
                if file.get(array.decode(), getlink=True) is None:
                    raise
                raise ValueError(f"{part}: holds images of another part") from None


class Parts:
    """The files of the parts of an artifact, opened when an array in them is asked for.

    Args:
        whole: The artifact.
        expected: Its parts, with their fingerprints.
    """

    def __init__(self, whole: Path, expected: Mapping[str, str]) -> None:
        self._whole, self._expected = whole, expected
        self._files: dict[str, h5py.File] = {}
        self._are_there = not expected

    def check(self) -> None:
        """Check that all parts are there, once.

        Raises:
            InputError: If one is not.
        """
        if self._are_there:
            return
        whole, expected = self._whole, self._expected
        missing = [name for name in expected if not (whole.parent / name).is_file()]
        if missing:
            path = whole.parent / missing[0]
            others = f" ({len(missing)} of {len(expected)} parts are missing)" if len(missing) > 1 else ""
            raise InputError(
                f"{path}: no such file, but {whole.name} is made of it{others}; put it back, or {rebuild_hint(whole)}"
            )
        self._are_there = True

    def place(self, file: h5py.File, name: str) -> Path:
        """Return the file in which an array of the artifact lies, as far as that can be found out."""
        with suppress(KeyError, OSError, RuntimeError, ValueError):
            link = file.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink) and link.filename in self._expected:
                return self._whole.parent / link.filename
        return self._whole

    def array(self, file: h5py.File, name: str) -> h5py.Dataset:
        """Return an array of the artifact, wherever it lies.

        Raises:
            KeyError: If it is nowhere.
            InputError: If its part is missing, damaged, or has another content than the artifact was made of.
            OSError: If it is no array.
        """
        link = file.get(name, getlink=True) if self._expected else None
        if isinstance(link, h5py.ExternalLink):
            file, name = self._part(link.filename), link.path
        found = file[name]
        if not is_array(found):
            raise OSError("it is no array")
        return found

    def _part(self, name: str) -> h5py.File:
        if name not in self._files:
            path = self._whole.parent / name
            with guarded(path, "this part is"):
                file = h5py.File(path, "r", locking=False, rdcc_nbytes=CHUNK_BYTES)
                bound_metadata(file)
                found = attributes_of(file).get("fingerprint")
            if found != self._expected[name]:
                file.close()
                raise InputError(
                    f"{path}: is of another artifact than {self._whole.name}, or was made again with other content; "
                    f"{rebuild_hint(self._whole)}"
                )
            self._files[name] = file
        return self._files[name]

    def close(self) -> None:
        """Close the files; they open again when used again."""
        for file in self._files.values():
            file.close()
        self._files = {}
