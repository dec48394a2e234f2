"""Unpack a data set of Hugging Face's `datasets`: its photographs and masks as files, its labels as a table."""

from __future__ import annotations

import csv
import io
import logging
import os
import shlex
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsss.data.sources.label_tables import IMAGE, LABEL, SPLIT
from wsss.data.sources.records import BACKGROUND, check_classes, check_id
from wsss.disk import require_space
from wsss.errors import InputError
from wsss.exchange.arrow_columns import Chosen, choose_columns, columns_of, name_of, picture_of, suffix_of
from wsss.exchange.arrow_files import TableFile, find_tables, roles_of
from wsss.outputs import OutputFolder
from wsss.pipeline.artifact import SPLITS
from wsss.progress import Progress
from wsss.protected import Inputs

TABLE, MASKS = "labels.csv", "masks"
_LONGEST = 100
"""Bytes of a name that is kept: an id has at most 255 with what stages add."""
_EXACT = (".png", ".tif")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Row:
    """What was seen of a row.

    Attributes:
        name: Of its file, without folders and suffix.
        suffix: Of the photograph; empty where the row has none.
        mask: Suffix of the mask likewise.
        classes: Names of those in it.
    """

    name: str
    suffix: str = ""
    mask: str = ""
    classes: tuple[str, ...] = ()


@dataclass
class _Table:
    """A table that is taken, for `train` or `val`, and its rows."""

    file: TableFile
    split: str
    rows: list[_Row] = field(default_factory=list)
    size: int = 0

    def photographs(self) -> list[str]:
        """Return the path of each photograph below the output, empty where a row has none."""
        return [f"{self.split}/{row.name}{row.suffix}" if row.suffix else "" for row in self.rows]

    def masks(self) -> list[str]:
        """Return the path of each mask likewise."""
        return [f"{MASKS}/{self.split}/{row.name}{row.mask}" if row.mask else "" for row in self.rows]


def unpack(
    source: Path,
    output: Path,
    *,
    image: str = "",
    labels: str = "",
    masks: str = "",
    splits: Mapping[str, str] | None = None,
) -> str:
    """Write the photographs of a data set into `train/` and `val/`, masks into `masks/`, and `labels.csv`.

    Pictures are written as they are, byte by byte. All rows are looked at before the first is written; what an earlier
    call wrote is not written again.

    Args:
        source: A .parquet or .arrow file, a folder of these, or what `save_to_disk` of `datasets` wrote.
        output: The folder.
        image: Column of the photographs; empty: the only one, or the one called `image`.
        labels: Column of the classes, `a.b` for a field of records; empty: the only one.
        masks: Column of the masks; empty: the one called so, if there is one.
        splits: Name of a split -> `train`, `val`, or `none` to leave it out; others are known by their names.

    Returns:
        What was written, in one line.

    Raises:
        InputError: If pyarrow is missing, a table is damaged, columns or splits are not clear, a row says no class or
            holds no picture, files that are not this program's own are in the way, or the disk is too small.
    """
    tables = find_tables(source)
    roles = roles_of(tables, splits or {}, source)
    taken = [_Table(table, roles[table.split]) for table in tables if roles[table.split]]
    taken.sort(key=lambda table: SPLITS.index(table.split))
    chosen = _choose(taken, image, labels, masks)
    # each row is looked at, then written
    with Progress("unpack", 2 * sum(table.file.count() for table in taken), unit="rows read") as progress:
        _look(taken, chosen, progress)
        classes = _classes(taken, chosen, source)
        _name(taken)
        folder = OutputFolder(output, Inputs([source, *(table.path for table in tables)]))
        _check(folder, taken)
        _write(folder, taken, chosen, progress)
        folder.write_text(output / TABLE, _csv(taken, classes))
    return _summary(output, taken, chosen, classes, [name or "(no name)" for name, role in roles.items() if not role])


def _choose(taken: Sequence[_Table], image: str, labels: str, masks: str) -> Chosen:
    """Choose the columns, which must be the same in all tables."""
    first: Chosen | None = None
    for table in taken:
        where = str(table.file.path)
        columns = columns_of(table.file.features(), where)
        chosen = choose_columns(columns, where, image=image, labels=labels, masks=masks)
        if chosen != (first := first or chosen):
            raise InputError(f"{where}: columns or classes differ from those of {taken[0].file.path}; leave one out")
    assert first is not None, "one split is train"
    return first


def _look(taken: Sequence[_Table], chosen: Chosen, progress: Progress) -> None:
    """Look at all rows: what they show, and the names and sizes of their pictures."""
    for table in taken:
        for values in table.file.rows(chosen.columns):
            table.rows.append(_seen(table, values, chosen))
            progress.advance()


def _seen(table: _Table, values: Mapping[str, Any], chosen: Chosen) -> _Row:
    """Return what the next row of a table holds."""
    where = f"{table.file.path} row {len(table.rows)}"
    cell = values[chosen.photographs.name]
    photograph, mask = picture_of(cell, where), _mask(values, chosen, where)
    if photograph is None:
        return _Row(name_of(cell))
    table.size += len(photograph) + len(mask or b"")
    kind = suffix_of(mask, where) if mask else ""
    if kind not in ("", *_EXACT):
        raise InputError(f"{where}: its mask is a {kind} file, expected PNG or TIFF; convert it")
    return _Row(name_of(cell), suffix_of(photograph, where), kind, chosen.labels.classes(values, where))


def _mask(values: Mapping[str, Any], chosen: Chosen, where: str) -> bytes | None:
    return picture_of(values[chosen.masks.name], where) if chosen.masks else None


def _classes(taken: Sequence[_Table], chosen: Chosen, source: Path) -> list[str]:
    """Return the names of the classes: in the order that the table gives them, for masks have it, else sorted."""
    rows = [row for table in taken for row in table.rows if row.suffix]
    if not rows:
        raise InputError(f"{source}: holds no photograph in any row of its splits; correct the path")
    names = [name.strip() for name in chosen.labels.names] or sorted({name for row in rows for name in row.classes})
    names = [name for name in names if name != BACKGROUND]
    where = f"{source}: column `{chosen.labels.name}`"
    check_classes(names, where)
    for name in names:
        if name in (*IMAGE, *LABEL, SPLIT):
            raise InputError(f"{where}: a class called `{name}` cannot be a column of {TABLE}; rename it in the table")
    return names


def _name(taken: Sequence[_Table]) -> None:
    """Give the rows of each split the names of their files where each has one of its own, else numbers."""
    for split in SPLITS:
        rows = [row for table in taken if table.split == split for row in table.rows]
        keys = {unicodedata.normalize("NFC", row.name).casefold() for row in rows}
        if len(keys) < len(rows) or not all(_is_good(row.name) for row in rows):
            for number, row in enumerate(rows):
                row.name = f"{number:0{len(str(len(rows) - 1))}}"


def _is_good(name: str) -> bool:
    """Tell whether a name may be that of a file, and stand in a table."""
    try:
        check_id(name, "")
    except InputError:
        return False
    # the reader of tables strips names, and hidden files are no photographs
    return name == name.strip() and name[0] not in '."' and len(name.encode()) <= _LONGEST


def _check(folder: OutputFolder, taken: Sequence[_Table]) -> None:
    """Refuse what must not be written, files that could not be told apart from it, and what does not fit."""
    output = folder.folder
    names = (name for table in taken for name in (*table.photographs(), *table.masks()) if name)
    targets = dict.fromkeys(output / name for name in names)
    folder.check([*targets, output / TABLE])
    for place in (output / name for name in (*SPLITS, MASKS)):
        for path in sorted(place.rglob("*")) if place.is_dir() else ():
            if path not in targets and not path.is_dir() and not path.name.startswith("."):
                raise InputError(f"{path}: is not of this data set and its options; choose another output")
    there = sum(target.lstat().st_size for target in targets if os.path.lexists(target))
    require_space(output, sum(table.size for table in taken) - there, f"{len(targets)} pictures")


def _write(folder: OutputFolder, taken: Sequence[_Table], chosen: Chosen, progress: Progress) -> None:
    """Write the pictures that are not there yet."""
    for table in taken:
        empty = [number for number, row in enumerate(table.rows) if not row.suffix]
        if empty:
            text = "%s row %d: holds no photograph; it and all %d such rows of the table are left out"
            logger.warning(text, table.file.path, empty[0], len(empty))
        names = zip(table.photographs(), table.masks(), strict=True)
        for (photograph, mask), values in zip(names, table.file.rows(chosen.columns), strict=True):
            if photograph:
                _write_picture(folder, photograph, picture_of(values[chosen.photographs.name], photograph))
            if mask:
                _write_picture(folder, mask, _mask(values, chosen, mask))
            progress.advance()


def _write_picture(folder: OutputFolder, name: str, picture: bytes | None) -> None:
    target, content = folder.folder / name, picture or b""
    there = target.is_file() and not target.is_symlink() and target.stat().st_size == len(content)
    if not there or target.read_bytes() != content:
        folder.write_bytes(target, content)


def _csv(taken: Sequence[_Table], classes: Sequence[str]) -> str:
    """Return the table of labels: a column for each class, which keeps their order and any name of theirs."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([IMAGE[0], *classes, SPLIT])
    for table in taken:
        for name, row in zip(table.photographs(), table.rows, strict=True):
            if name:
                writer.writerow([name, *(int(one in row.classes) for one in classes), table.split])
    return text.getvalue()


def _summary(output: Path, taken: Sequence[_Table], chosen: Chosen, classes: Sequence[str], left: Sequence[str]) -> str:
    counts = Counter(table.split for table in taken for row in table.rows if row.suffix)
    masks = sum(bool(row.mask) for table in taken for row in table.rows)
    number = f"{len(classes)} {'class' if len(classes) == 1 else 'classes'}"
    return (
        f"{output}: {counts['train']} photographs to train on and {counts['val']} to validate by, of column "
        f"`{chosen.photographs.name}`; {number} of `{chosen.labels.name}`"
        + (f"; {masks} masks of `{chosen.masks.name}`" if chosen.masks else "; no masks")
        + (f"; left out: {', '.join(left)}" if left else "")
        + f"; now type `wsss init {shlex.quote(str(output))}`"
    )
