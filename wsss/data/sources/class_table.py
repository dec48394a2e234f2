"""The published table of VOC's image-level labels: `cls_labels.npy` of PSA, IRN and their successors.

It is a pickle, which may hold programs. Only what such tables are made of is unpickled: a dictionary, texts, numbers
and arrays of numbers.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.system_errors import said_of

_HARMLESS = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    **{(f"numpy.{core}.multiarray", name): name for core in ("core", "_core") for name in ("_reconstruct", "scalar")},
    ("_codecs", "encode"): "encode",
}
"""What arrays and numbers of numpy are unpickled by, of numpy 1 and 2, and of pickles of Python 2."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"it holds {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_class_table(path: Path, classes: int, setting: str) -> dict[str, set[int]]:
    """Read the class numbers of each image, from 1 on, by id.

    Ids are texts (PSA: `2007_000032`) or whole numbers (IRN: 2007000032); values are vectors of 0 and 1.

    Args:
        classes: Number of classes, without background, that each vector must have.
        setting: The setting that names the file, for messages.

    Raises:
        InputError: If the file is missing, or is no such table.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; correct `{setting}`") from None
    except (OSError, ValueError) as error:
        reason = said_of(error) if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({reason}); correct `{setting}`") from None
    table = _unpickled(path, content)
    if not isinstance(table, dict) or not table:
        raise InputError(f"{path}: holds no table of labels by image, as cls_labels.npy does; correct `{setting}`")
    return {_id(path, key): _numbers(path, key, vector, classes) for key, vector in table.items()}


def _unpickled(path: Path, content: bytes) -> Any:
    """Return what an `.npy` file holds: an array of one object."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version[0] > 2:
            raise ValueError(f"format {version[0]} of .npy is not known")
        read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if shape != () or dtype != np.dtype(object):
            return None
        array = _Unpickler(file, encoding="latin1").load()
        return array.item() if isinstance(array, np.ndarray) and array.size == 1 else array
    except Exception as error:  # whatever a damaged pickle makes of harmless parts
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{path}: no table of labels that can be read safely ({reason}); replace the file") from None


def _id(path: Path, key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        digits = str(int(key))
        return f"{digits[:4]}_{digits[4:]}"
    raise InputError(f"{path}: an image is named {key!a:.40}, expected an id of VOC; replace the file")


def _numbers(path: Path, key: Any, vector: Any, classes: int) -> set[int]:
    try:
        values = np.asarray(vector, np.float64)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape != (classes,) or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"{path}: the labels of image {key!a:.40} are no {classes} values of 0 and 1, one for each class; "
            "replace the file, or correct `data.classes`"
        )
    return {int(place) + 1 for place in np.flatnonzero(values)}
