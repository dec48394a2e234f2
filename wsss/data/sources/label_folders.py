"""Image-level labels from folders: one per class, and Hugging Face's `imagefolder` with its splits and metadata."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Collection
from pathlib import Path

from wsss.data.sources.files import walk_pictures
from wsss.data.sources.image_folder import ImageFolder
from wsss.data.sources.label_tables import PARQUET, LabelRows, LabelTable, read_table
from wsss.data.sources.lists import IdList
from wsss.data.sources.records import BACKGROUND
from wsss.errors import InputError

logger = logging.getLogger(__name__)

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "validation", "valid", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""Names of folders that hold a split, as Hugging Face's `datasets` know them."""
METADATA = tuple(f"metadata{suffix}" for suffix in (".csv", ".jsonl", *PARQUET))
"""Tables that say the labels of the photographs beside and below them."""


def read_folders(root: Path, images: ImageFolder) -> tuple[LabelTable, Collection[str]]:
    """Read labels from the names of folders, or from the metadata beside the photographs.

    Returns:
        The labels, and the images that are left out: those of a test split beside one to validate on.

    Raises:
        InputError: If a photograph is in no folder of a class, in one called `background`, or in no split where others
            are in one.
    """
    if not images.paths:
        raise InputError(_nothing(root))
    places = _split_folders(images)
    left_out = IdList()
    tables = {folder: _metadata(root, folder, images) for folder in (places or [""])}

    def folder_of(image_id: str) -> str:
        first, _, rest = image_id.partition("/")
        return first if places and rest else ""

    def where(image_id: str, _: int) -> str:
        table = tables[folder_of(image_id)]
        return str(images.paths[image_id]) if table is None else table.where(image_id)

    rows = LabelRows(where)
    for image_id in images.paths:
        folder = folder_of(image_id)
        if places and folder not in places:
            known = ", ".join(f"`{name}`" for name in places)
            raise InputError(f"{images.paths[image_id]}: is in none of the folders {known}; move it into one")
        split = places[folder] if places else "train"
        if not split:
            left_out.append(image_id)
            continue
        rows.add(image_id, _labels_of(image_id, images.paths[image_id], folder, tables[folder], root), split)
    if left_out:
        logger.info(
            "%d images of the test split in %s are left out: it has another to validate on", len(left_out), root
        )
    return LabelTable(rows), left_out


def metadata_files(root: Path) -> dict[str, Path]:
    """Name the tables of metadata that are there, by the folder that holds them."""
    names = ["", *(name for names in SPLIT_FOLDERS.values() for name in names)]
    paths = [root / folder / name for folder in names for name in METADATA]
    return {path.relative_to(root).as_posix(): path for path in paths if path.is_file()}


def _labels_of(image_id: str, path: Path, folder: str, table: LabelRows | None, root: Path) -> tuple[str, ...]:
    """Say the labels of an image by its table, or by the folder of its class."""
    if table is not None:
        if image_id not in table:
            raise InputError(f"{path}: no row of this image in the metadata beside it; add one, or move the image")
        return table.labels(image_id)
    parts = (image_id[len(folder) + 1 :] if folder else image_id).split("/")
    if len(parts) < 2:
        raise InputError(f"{path}: is in no folder of a class; move it into one, or add a metadata.csv with its labels")
    if parts[0] == BACKGROUND:
        raise InputError(
            f"{path}: `{BACKGROUND}` is no class of its own, it is everywhere; where some images show no class, add "
            f"{root / folder / METADATA[0]}: a line `file_name,label`, then one for each image there, its label "
            "empty for these"
        )
    return (parts[0],)


def _split_folders(images: ImageFolder) -> dict[str, str]:
    """Return the split of each folder that holds one (empty: it is left out); none where the folders are classes."""
    first = dict.fromkeys(image_id.partition("/")[0] for image_id in images.paths if "/" in image_id)
    found = {split: [name for name in first if name.lower() in names] for split, names in SPLIT_FOLDERS.items()}
    for split, names in found.items():
        if len(names) > 1 and found["train"]:
            raise InputError(
                f"{images.folder}: `{names[0]}` and `{names[1]}` both stand for the {split} split; rename one"
            )
    if not found["train"]:
        return {}
    places = dict.fromkeys(found["train"], "train") | dict.fromkeys(found["val"], "val")
    return places | dict.fromkeys(found["test"], "" if found["val"] else "val")


def _metadata(root: Path, folder: str, images: ImageFolder) -> LabelRows | None:
    """Read the metadata of a folder; None where it has none."""
    found = [path for name in METADATA if (path := root / folder / name).is_file()]
    if len(found) > 1:
        raise InputError(f"{found[0]}: there is {found[1].name} too, and only one can count; remove one")
    return read_table(found[0], images, "data.root", f"{folder}/" if folder else "").rows if found else None


def _nothing(root: Path) -> str:
    """Say why there is no photograph."""
    return inside_tables(root) or f"{root}: holds no photograph; correct `data.root`"


def inside_tables(source: Path) -> str:
    """Say how to get at photographs that lie inside tables, as many data sets come; empty where there is no table.

    Args:
        source: A file, or a folder.
    """
    names = walk_pictures(source, PARQUET)[0] if source.is_dir() else [""] if source.suffix.lower() in PARQUET else []
    first = next(iter(names), None)
    if first is None:
        return ""
    table = source / first
    return (
        f"{table}: photographs inside {table.suffix} files are read once they are files: "
        f"`wsss unpack {shlex.quote(str(source))} --output photos` writes them, and their labels"
    )
