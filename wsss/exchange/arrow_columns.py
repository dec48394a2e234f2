"""What the columns of a data set of Hugging Face hold: photographs, image-level labels, masks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wsss.data.sources.records import BACKGROUND
from wsss.errors import InputError

NONE = "none"
"""In place of what a split is for: it is left out."""
PICTURE, CLASSES, TEXT, NUMBER = "pictures", "classes", "texts", "whole numbers"
_LISTS = ("Sequence", "List", "LargeList")
_OF_PHOTOGRAPHS = ("image", "img", "photo", "picture", "pixel_values")
_OF_MASKS = re.compile("mask|annotation|segment", re.IGNORECASE)
_OF_LABELS = re.compile("labels?|class(es)?|categor(y|ies)|tags?", re.IGNORECASE)
_SIGNATURES = {
    ".jpg": rb"\xff\xd8\xff",
    ".png": rb"\x89PNG\r\n",
    ".webp": rb"RIFF.{4}WEBP",
    ".tif": rb"II[*+]\0|MM\0[*+]",
    ".gif": rb"GIF8",
    ".bmp": rb"BM",
}
"""How files of pictures begin, by the ending that they get."""


@dataclass(frozen=True)
class Column:
    """A column, or a field of the records in one.

    Attributes:
        path: Names of the column and of the fields in it.
        kind: What it holds: `PICTURE`, `CLASSES`, `TEXT`, `NUMBER`, or another type.
        names: Of the classes, for numbers that stand for them.
    """

    path: tuple[str, ...]
    kind: str
    names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The names, joined."""
        return ".".join(self.path)

    def classes(self, row: Mapping[str, Any], where: str) -> tuple[str, ...]:
        """Return the names of the classes that a row says, each once; background is none.

        Args:
            where: File and row, for messages.

        Raises:
            InputError: If it says none where it should, or a number that has no name.
        """
        found = dict.fromkeys(self._class(value, where) for value in _leaves(row[self.path[0]], self.path[1:]))
        return tuple(name for name in found if name not in ("", BACKGROUND))

    def _class(self, value: Any, where: str) -> str:
        if value is None or value == -1:
            said = f"`{self.name}` is empty ({value}), so nothing says what it shows"
            raise InputError(f"{where}: {said}; leave the row out, or its split by `--split NAME={NONE}`")
        if isinstance(value, str):
            return value.strip()
        if not isinstance(value, int) or (self.names and not 0 <= value < len(self.names)):
            raise InputError(f"{where}: `{self.name}` holds {value!a:.40}, which is no class; correct the table")
        return self.names[value].strip() if self.names else str(value)


@dataclass(frozen=True)
class Chosen:
    """The columns that are taken.

    Attributes:
        photographs: Of the pictures.
        labels: Of their classes.
        masks: Of their masks, where there are any.
    """

    photographs: Column
    labels: Column
    masks: Column | None

    @property
    def columns(self) -> list[str]:
        """Names of the columns to read."""
        own = [self.photographs, self.labels, *([self.masks] if self.masks else [])]
        return list(dict.fromkeys(column.path[0] for column in own))


def columns_of(features: Mapping[str, Any], where: str) -> list[Column]:
    """List the columns, and the fields in them, of what `datasets` calls features.

    Raises:
        InputError: If they cannot be understood.
    """
    try:
        return [column for name, feature in features.items() for column in _described((name,), feature)]
    except (TypeError, KeyError, IndexError, AttributeError, ValueError, RecursionError):
        raise InputError(f"{where}: the description of its columns is damaged; write the data set again") from None


def feature_of(kind: Any) -> Any:
    """Return what a column of this type of pyarrow holds, in the words of `datasets`."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return feature_of(kind.value_type)
    if types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        return {field.name: feature_of(field.type) for field in fields}
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return {"_type": "List", "feature": feature_of(kind.value_type)}
    return {"_type": "Value", "dtype": str(kind)}


def choose_columns(columns: Sequence[Column], where: str, *, image: str, labels: str, masks: str) -> Chosen:
    """Choose the columns: by name where one is given, else where only one can be meant.

    Raises:
        InputError: If none can be, or several.
    """
    pictures = [column for column in columns if column.kind == PICTURE]
    likely = [column for column in pictures if column.name in _OF_PHOTOGRAPHS]
    photographs = _only(columns, pictures if len(pictures) == 1 else likely, where, "--image", image)
    classes = [column for column in columns if column.kind == CLASSES]
    named = [column for column in columns if column.kind in (TEXT, NUMBER) and _OF_LABELS.fullmatch(column.path[-1])]
    label = _only(columns, classes or named, where, "--labels", labels)
    if photographs.kind != PICTURE or label.kind not in (CLASSES, TEXT, NUMBER):
        wrong, want = (photographs, PICTURE) if photographs.kind != PICTURE else (label, CLASSES)
        raise InputError(f"{where}: `{wrong.name}` holds {wrong.kind}, not {want}; {_all(columns)}")
    like_masks = [column for column in pictures if column != photographs and _OF_MASKS.search(column.name)]
    mask = _only(columns, like_masks, where, "--masks", masks) if masks or like_masks else None
    if mask is not None and mask.kind != PICTURE:
        raise InputError(f"{where}: `{mask.name}` holds {mask.kind}, not {PICTURE}; {_all(columns)}")
    return Chosen(photographs, label, mask)


def _only(columns: Sequence[Column], candidates: Sequence[Column], where: str, option: str, name: str) -> Column:
    """Return the column of a name, or the only candidate."""
    found = [column for column in columns if column.name == name] if name else candidates
    if len(found) == 1:
        return found[0]
    problem = f"no column is called `{name}`" if name else f"{len(found) or 'no'} columns may be meant by `{option}`"
    raise InputError(f"{where}: {problem}; name one by `{option}`: {_all(columns)}")


def _all(columns: Sequence[Column]) -> str:
    about = (f"{len(column.names)} classes" if column.names else column.kind for column in columns)
    return "there are " + ", ".join(f"{column.name} ({kind})" for column, kind in zip(columns, about, strict=True))


def picture_of(cell: Any, where: str) -> bytes | None:
    """Return the file of a picture that a cell holds; None for an empty one.

    Raises:
        InputError: If it holds the path of a file alone.
    """
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path") or None
    if isinstance(cell, str):
        raise InputError(
            f"{where}: holds no picture, only the path {cell!a:.80}; where that file lies, write the data set again by "
            "`save_to_disk` of `datasets`, which puts it into the table"
        )
    return cell or None


def suffix_of(picture: bytes, where: str) -> str:
    """Return the ending for the file of a picture, by its first bytes.

    Raises:
        InputError: If it is none that is known.
    """
    for suffix, signature in _SIGNATURES.items():
        if re.match(signature, picture, re.DOTALL):
            return suffix
    raise InputError(f"{where}: holds no picture that is known ({picture[:8]!r}...); leave the row out or convert it")


def name_of(cell: Any) -> str:
    """Return the name of the file, without folders and suffix, that a picture once was; empty where none is said."""
    path = cell.get("path") if isinstance(cell, Mapping) else None
    name = re.split(r"[/\\]", path)[-1] if isinstance(path, str) else ""
    return re.sub(r"\.\w{1,5}$", "", name)


def _described(path: tuple[str, ...], feature: Any, *, listed: bool = False) -> Iterator[Column]:
    """Yield the columns of a feature: itself, or the fields of its records."""
    kind = "records" if isinstance(feature, list) else feature.get("_type")
    if isinstance(feature, list):
        yield from _described(path, feature[0], listed=True)
    elif kind in _LISTS:
        yield from _described(path, feature["feature"], listed=True)
    elif kind == "ClassLabel" and feature.get("names"):
        yield Column(path, CLASSES, tuple(map(str, feature["names"])))
    elif not listed and len(path) == 1 and _is_picture(feature):
        yield Column(path, PICTURE)
    elif kind is None:
        for name, below in feature.items():
            yield from _described((*path, name), below, listed=listed)
    else:
        dtype = feature.get("dtype") or kind
        yield Column(path, TEXT if "string" in dtype else NUMBER if re.match("u?int", dtype) else str(dtype))


def _is_picture(feature: Mapping[str, Any]) -> bool:
    """Tell whether a feature is a picture: so called, or bytes of any kind, alone or in a record with a path."""
    holds = feature.get("bytes", feature)
    return feature.get("_type") == "Image" or "binary" in str(holds.get("dtype", ""))


def _leaves(value: Any, fields: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values in lists and in fields of records, however they are nested."""
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item, fields)
    elif isinstance(value, Mapping) and fields:
        yield from _leaves(value.get(fields[0]), fields[1:])
    else:
        yield value


__all__ = ["Chosen", "Column", "choose_columns", "columns_of", "name_of", "picture_of", "suffix_of"]
