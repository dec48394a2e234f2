"""A folder of photographs of any names, and a CSV of image-level labels."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss.config.data import FolderData
from wsss.data.sources.files import (
    MASK_SUFFIXES,
    ImageFolder,
    existing_folder,
    read_image_list,
    read_text,
)
from wsss.data.sources.records import Listing, check_classes, choose_splits, class_number, make_listing
from wsss.errors import InputError
from wsss.pipeline.artifact import SPLITS

logger = logging.getLogger(__name__)
COLUMNS = ("image", "label", "split")


@dataclass(frozen=True)
class _Row:
    """A row of the CSV, and the line it ends in."""

    line: int
    labels: tuple[str, ...]
    split: str


def read(settings: FolderData, *, workers: int = 0) -> Listing:
    """List the images with their labels.

    Raises:
        InputError: For anything that is missing, unknown or contradictory.
    """
    root = existing_folder(Path(settings.root), "data.root")
    exclude = [existing_folder(root / settings.masks, "data.masks")] if settings.masks is not None else []
    images = ImageFolder(root, "data.root", exclude=exclude)
    table = root / settings.labels
    rows = _read_rows(table, images)
    missing = [image_id for image_id in images.paths if image_id not in rows]
    if missing:
        raise InputError(
            f"{table}: no row of image `{missing[0]}` ({len(missing)} such images in all); "
            + _mend_missing_rows(settings, missing, rows)
        )
    classes = _classes(settings, table, rows)
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    labels = {
        image_id: {class_number(name, numbers, f"{table} line {row.line}") for name in row.labels}
        for image_id, row in rows.items()
    }
    splits = choose_splits(settings, *_split(settings, root, images, rows))
    return make_listing(
        name=settings.name,
        root=root,
        classes=classes,
        splits=splits,
        images=images.paths,
        masks=_find_masks(settings, root, images),
        labels=labels,
        label_source=f"table {settings.labels}",
    )


def input_files(settings: FolderData) -> dict[str, Path]:
    """Name the files that `read` reads beside images and masks, by role; open none."""
    root = Path(settings.root)
    files = {"labels": root / settings.labels}
    if settings.val_list is not None:
        files["val_list"] = root / settings.val_list
    return files


def input_folders(settings: FolderData) -> dict[str, Path]:
    """Name the folders of many files that `read` and the index look into, by setting."""
    root = Path(settings.root)
    return {"root": root} | ({"masks": root / settings.masks} if settings.masks is not None else {})


def _read_rows(path: Path, images: ImageFolder) -> dict[str, _Row]:
    """Read the rows of the CSV by image id, in their order."""
    rows: dict[str, _Row] = {}
    for line, fields in _parse(path):
        where = f"{path} line {line}"
        image_id = images.find(fields["image"], where)
        if image_id in rows:
            raise InputError(
                f"{where}: image `{image_id}` has two rows (first in line {rows[image_id].line}); "
                "keep one, with its labels separated by `;`"
            )
        split = fields.get("split", "") or "train"
        if split not in SPLITS:
            raise InputError(f"{where}: unknown split `{split}`; write train or val")
        labels = tuple(name.strip() for name in fields["label"].split(";") if name.strip())
        rows[image_id] = _Row(line, labels, split)
    return rows


def _mend_missing_rows(settings: FolderData, missing: Sequence[str], rows: Mapping[str, _Row]) -> str:
    """Say how to mend images without a row; those with the names of others are masks that no setting names."""
    folders = missing[0].split("/")[:-1]
    for depth in range(1, len(folders) + 1):
        folder = "/".join(folders[:depth])
        if settings.masks is None and missing[0].removeprefix(f"{folder}/") in rows:
            return f"if `{folder}` holds masks, set `data.masks: {folder}`"
    return "add a row for each (an empty label means background alone) or move them out of the folder"


def _parse(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the fields of every row of a CSV with a header, blank rows left out."""
    reader = csv.reader(io.StringIO(read_text(path, "data.labels"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for place, name in enumerate(header) if name and name in header[:place]]
        if twice:
            raise InputError(f"{path} line 1: column `{twice[0]}` is there twice, and only one would count; remove one")
        for name in COLUMNS[:2]:
            if name not in header:
                raise InputError(
                    f"{path} line 1: no column `{name}`, found {', '.join(header) or 'nothing'}; "
                    "the header must be image,label (and optionally split), separated by commas"
                )
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{path} line {reader.line_num}: {len(row)} fields where the header has {len(header)}; "
                    'separate several labels by `;` and put names with commas into "quotes"'
                )
            yield reader.line_num, dict(zip(header, (field.strip() for field in row), strict=True))
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}: not valid CSV ({error}); correct the quotes") from None


def _classes(settings: FolderData, table: Path, rows: dict[str, _Row]) -> tuple[str, ...]:
    """Return the class names of the settings, else those of the CSV, sorted."""
    if settings.classes is not None:
        check_classes(settings.classes, "`data.classes`")
        return settings.classes
    classes = tuple(sorted({name for row in rows.values() for name in row.labels}))
    check_classes(classes, str(table))
    return classes


def _split(settings: FolderData, root: Path, images: ImageFolder, rows: dict[str, _Row]) -> tuple[list[str], list[str]]:
    """Return the ids of train and val, in the order of the CSV (val: of its list)."""
    listed = [image_id for image_id, row in rows.items() if row.split == "val"]
    if settings.val_list is not None:
        path = root / settings.val_list
        if listed:
            raise InputError(
                f"{path}: the CSV has a column `split` that names val images too; "
                "remove the column or the setting `data.val_list`"
            )
        listed = list(read_image_list(path, "data.val_list", images))
        if not listed:
            raise InputError(f"{path}: the list is empty; fill it or remove `data.val_list`")
    val = set(listed)
    train = [image_id for image_id in rows if image_id not in val]
    if not train:
        raise InputError(f"{root}: every image is in val, none is left to train on; correct the splits")
    # images held out of train take the place of val, which stays unseen
    return train, [] if settings.val_from_train else listed


def _find_masks(settings: FolderData, root: Path, images: ImageFolder) -> dict[str, Path]:
    """Find masks by the id of their image; images without one are left out."""
    if settings.masks is None:
        return {}
    found = ImageFolder(root / settings.masks, "data.masks", suffixes=MASK_SUFFIXES)
    found.refuse_folders(images.paths)
    masks = {image_id: found.paths[image_id] for image_id in images.paths if image_id in found.paths}
    if not masks:
        first = next(iter(found.paths), "")
        example = f"`{first}.png` belongs to no image" if first else "there is no .png file"
        raise InputError(f"{found.folder}: {example}; a mask is named like its image, with the suffix .png")
    if len(masks) < len(found.paths):
        logger.info("%d masks in %s belong to no image", len(found.paths) - len(masks), found.folder)
    return masks
