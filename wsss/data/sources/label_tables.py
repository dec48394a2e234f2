"""Tables of image-level labels: CSV with a column of names or a column per class, and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsss.data.sources.files import read_lines, text_lines
from wsss.data.sources.image_folder import ImageFolder
from wsss.data.sources.image_records import TRAIN, VAL
from wsss.data.sources.lists import ID, UNIQUE_ID, IdColumn, bytes_of, bytes_of_numbers, numbers_of, text_of
from wsss.errors import InputError
from wsss.pipeline.artifact import SPLITS
from wsss.scratch import ROW, ScratchTable

IMAGE, LABEL, SPLIT = ("image", "file_name"), ("label", "labels"), "split"
"""Names of the columns; the second ones are those of Hugging Face's `metadata` files."""
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".arrow")
_BIT = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True, "": False}


class LabelRows(IdColumn):
    """What is said of images, by id, in the order of the table.

    Args:
        where: Makes file and line, for messages, of an id and the number of its line.

    Attributes:
        names: All names of classes that occur, in the order in which they came.
    """

    def __init__(self, where: Callable[[str, int], str]) -> None:
        super().__init__(ScratchTable(UNIQUE_ID, "labels", "line", "val"))
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._where = where

    def add(self, image_id: str, labels: Iterable[str], split: str = TRAIN, *, line: int = 0) -> bool:
        """Add the row of an image, and return True; return False, and add none, if it has one."""
        numbers = bytes_of_numbers(map(self._number, labels))
        return self._table.append(bytes_of(image_id), numbers, line, split == VAL)

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers[name]

    def labels(self, image_id: str) -> tuple[str, ...]:
        """Return the names of the classes in an image."""
        return tuple(self.names[number] for number in numbers_of(self._of("labels", image_id)))

    def line(self, image_id: str) -> int:
        """Return the line that says it."""
        return int(self._of("line", image_id))

    def where(self, image_id: str) -> str:
        """Return file and line that say it, for messages."""
        return self._where(image_id, self.line(image_id))

    def ids(self, split: str) -> Iterator[str]:
        """Yield the images of a split."""
        rows = self._table.rows(ID, f"WHERE val = ? ORDER BY {ROW}", split == VAL)
        return (text_of(image_id) for (image_id,) in rows)

    def _of(self, column: str, image_id: str) -> Any:
        found = self._table.first(column, f"{ID} = ?", bytes_of(image_id))
        if found is None:
            raise KeyError(image_id)
        return found[0]


@dataclass(frozen=True)
class LabelTable:
    """What is said of images.

    Attributes:
        rows: By image id, in the order of the table.
        classes: The classes in an order of the table's own; empty for none.
    """

    rows: LabelRows
    classes: tuple[str, ...] = ()


def read_table(path: Path, images: ImageFolder, setting: str, below: str = "") -> LabelTable:
    """Read a table by its suffix: JSON lines, else CSV.

    Args:
        images: The photographs; each may have one row.
        setting: The setting that names the table, for messages.
        below: The folder, below that of the photographs, that names in the table start from; ends with `/`.

    Raises:
        InputError: If the table is missing, damaged, or names an image twice or one that is not there.
    """
    suffix = path.suffix.lower()
    if suffix in PARQUET:
        raise InputError(
            f"{path}: {suffix} is not read; write the table as CSV or as JSON lines ({setting}), or, where it holds "
            "the photographs themselves, write them out by `wsss unpack`"
        )
    lines, classes = _json_lines(path, setting) if suffix in JSON_LINES else _csv_lines(path, setting)
    rows = LabelRows(lambda _, line: f"{path} line {line}")
    for number, name, labels, split in lines:
        where = f"{path} line {number}"
        image_id = images.find(below + name if name else name, where)
        if not rows.add(image_id, labels, split or TRAIN, line=number):
            raise InputError(
                f"{where}: image `{image_id}` has two rows (first in line {rows.line(image_id)}); "
                "keep one, with all its labels (in a CSV separated by `;`)"
            )
        if split not in ("", *SPLITS):
            raise InputError(f"{where}: unknown split `{split}`; write train or val")
    return LabelTable(rows, classes)


_Lines = Iterator[tuple[int, str, tuple[str, ...], str]]
"""Line, name of the image, its labels, its split (empty where the table says none)."""


def _csv_lines(path: Path, setting: str) -> tuple[_Lines, tuple[str, ...]]:
    """Read a CSV; return its rows, and the classes that its header names, if it does."""
    parsed = _parse(path, setting)
    _, header = next(parsed)
    image = next((name for name in IMAGE if name in header), None)
    label = next((name for name in LABEL if name in header), None)
    classes = () if label else tuple(name for name in header if name not in (*IMAGE, SPLIT) and name)
    missing = IMAGE[0] if image is None else "" if label or classes else LABEL[0]
    if missing or image is None:
        raise InputError(
            f"{path} line 1: no column `{missing}`, found {', '.join(header) or 'nothing'}; "
            "the header must be image,label (and optionally split), separated by commas"
        )

    def rows() -> _Lines:
        for number, values in parsed:
            fields = dict(zip(header, values, strict=True))
            if label:
                labels = tuple(name.strip() for name in fields[label].split(";") if name.strip())
            else:
                labels = tuple(name for name in classes if _is_one(fields, name, f"{path} line {number}"))
            yield number, fields[image], labels, fields.get(SPLIT, "")

    return rows(), classes


def _is_one(fields: Mapping[str, str], name: str, where: str) -> bool:
    value = fields[name]
    if value.lower() not in _BIT:
        raise InputError(
            f"{where}: column `{name}` holds `{value}`, expected 0 or 1: without a column `label`, each column but "
            "image and split is a class; correct the value or the header"
        )
    return _BIT[value.lower()]


def _parse(path: Path, setting: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of the header and of every row of a CSV, blank rows left out."""
    reader = csv.reader(text_lines(path, setting), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for place, name in enumerate(header) if name and name in header[:place]]
        if twice:
            raise InputError(f"{path} line 1: column `{twice[0]}` is there twice, and only one would count; remove one")
        yield 1, header
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{path} line {reader.line_num}: {len(row)} fields where the header has {len(header)}; "
                    'separate several labels by `;` and put names with commas into "quotes"'
                )
            yield reader.line_num, [field.strip() for field in row]
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}: not valid CSV ({error}); correct the quotes") from None


def _json_lines(path: Path, setting: str) -> tuple[_Lines, tuple[str, ...]]:
    """Read JSON lines."""

    def rows() -> _Lines:
        for number, line in read_lines(path, setting):
            where = f"{path} line {number}"
            try:
                content = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deeply, or too large")
                raise InputError(f"{where}: not valid JSON ({reason}); write one object a line") from None
            if not isinstance(content, dict):
                raise InputError(f"{where}: is {content!a:.40}, expected an object; write one object a line")
            name, labels = _one_of(content, IMAGE, where), _one_of(content, LABEL, where)
            if not isinstance(name, str):
                raise InputError(f"{where}: `{IMAGE[0]}` is {name!a:.40}, expected a path; correct it")
            split = content.get(SPLIT) or ""
            yield number, name, _names(labels, where), split if isinstance(split, str) else repr(split)

    return rows(), ()


def _one_of(content: Mapping[str, Any], names: Sequence[str], where: str) -> Any:
    for name in names:
        if name in content:
            return content[name]
    found = ", ".join(map(str, content)) or "nothing"
    raise InputError(f"{where}: no key `{names[0]}`, found {found:.80}; add it (an empty list means background alone)")


def _names(labels: Any, where: str) -> tuple[str, ...]:
    """Return the names of classes that a value holds: one, a list of them, or none."""
    listed = [] if labels in (None, "") else labels if isinstance(labels, list) else [labels]
    for name in listed:
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise InputError(f"{where}: a label is {name!a:.40}, expected a name; correct it")
    return tuple(str(name).strip() for name in listed)
