"""Open the file of an artifact, and say in one line what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from wsss.errors import InputError
from wsss.inputs import ZIP, begins_with
from wsss.store.layout import (
    CHUNK_BYTES,
    FORMAT_VERSION,
    READ_TOO,
    WITHOUT_CHECKSUMS,
    attributes_of,
    bound_metadata,
    checked_sums,
    rebuild_hint,
)
from wsss.store.sums import SumTable


def open_artifact(path: Path, stages: tuple[str, ...] | None) -> tuple[h5py.File, SumTable | None]:
    """Open the file of an artifact for reading.

    Args:
        path: The file.
        stages: Stages that may have written it; None takes any.

    Returns:
        The file, and the checksums of its arrays; None where it has none.

    Raises:
        InputError: If it is missing, damaged, no artifact, or of another format version or stage.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such artifact; build it with `wsss run CONFIG {path}`")
    try:
        # no lock: a reader must not stop the pipeline from replacing the file
        file = h5py.File(path, "r", locking=False, rdcc_nbytes=CHUNK_BYTES)
        bound_metadata(file)
    except OSError as error:
        if begins_with(path, ZIP):
            raise InputError(f"{path}: holds a network, as it seems, and is no artifact; pass a file .h5") from None
        raise InputError(f"{path}: damaged or no HDF5 file ({error}); {rebuild_hint(path)}") from None
    try:
        with guarded(path, "its header is"):
            attributes = attributes_of(file)
            version, stage = attributes.get("format_version"), attributes.get("stage")
        if version is None or stage is None:
            raise InputError(f"{path}: an HDF5 file, but no artifact of wsss; {rebuild_hint(path)}")
        if version not in (FORMAT_VERSION, *READ_TOO):
            raise InputError(
                f"{path}: has format version {version}, this package reads {FORMAT_VERSION}; {rebuild_hint(path)}"
            )
        if stages is not None and stage not in stages:
            raise InputError(f"{path}: was written by stage {stage}; pass the file of stage {' or '.join(stages)}")
        if version == WITHOUT_CHECKSUMS:
            return file, None
        with guarded(path, "its header is"):
            return file, checked_sums(file, attributes)
    except BaseException:
        file.close()
        raise


@contextmanager
def guarded(path: Path | Callable[[], Path], what: str) -> Iterator[None]:
    """Say in one line what HDF5 could not read in the block; its own errors name neither the file nor a remedy.

    Args:
        path: The file, or what finds it once something is wrong.
        what: What is read, with a verb.

    Raises:
        InputError: Naming both.
    """
    try:
        yield
    # beside those of damage: a table of another type, or whose header points nowhere
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        path = path if isinstance(path, Path) else path()
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: {what} damaged ({reason}); {rebuild_hint(path)}") from None
