"""A folder of photographs of any names, and image-level labels: a table, folders, or annotations in XML."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path

from wsss.config.data import FolderData
from wsss.data.sources.annotations import read_annotation
from wsss.data.sources.files import existing_folder
from wsss.data.sources.image_folder import MASK_SUFFIXES, ImageFolder, read_image_list, shared_folders
from wsss.data.sources.image_records import TRAIN, VAL
from wsss.data.sources.label_folders import metadata_files, read_folders
from wsss.data.sources.label_tables import LabelRows, LabelTable, read_table
from wsss.data.sources.lists import TextList
from wsss.data.sources.records import Listing, check_classes, choose_splits, class_number, make_listing
from wsss.errors import InputError

logger = logging.getLogger(__name__)
IMAGE_FOLDER = "imagefolder"
"""In place of a table: labels by folders."""
TABLE, XML = "table", "xml"


def read(settings: FolderData, *, workers: int = 0) -> Listing:
    """List the images with their labels.

    Raises:
        InputError: For anything that is missing, unknown or contradictory.
    """
    root = existing_folder(Path(settings.root), "data.root")
    exclude = [existing_folder(root / settings.masks, "data.masks")] if settings.masks is not None else []
    images = ImageFolder(root, "data.root", exclude=exclude, short=True)
    table, left_out = _read_labels(settings, root, images)
    if len(table.rows) + len(left_out) < len(images.paths):
        missing = [image_id for image_id in images.paths if image_id not in table.rows and image_id not in left_out]
        raise InputError(
            f"{root / settings.labels}: no row of image `{missing[0]}` ({len(missing)} such images in all); "
            + _mend_missing_rows(settings, missing[0], images.paths[missing[0]], table.rows)
        )
    classes = _classes(settings, root, table)
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    if set(table.rows.names) - numbers.keys():
        for image_id in table.rows:
            for name in table.rows.labels(image_id):
                class_number(name, numbers, table.rows.where(image_id))  # refuses the first unknown one
    splits = choose_splits(settings, *_split(settings, root, images, table.rows))
    masks = _find_masks(settings, root, images)
    return make_listing(
        name=settings.name,
        root=root,
        classes=classes,
        splits=splits,
        images=images.relative_to(root).__getitem__,
        masks=masks,
        labels=lambda image_id: {numbers[name] for name in table.rows.labels(image_id)},
        label_source=_label_source(settings, root),
    )


def input_files(settings: FolderData) -> dict[str, Path]:
    """Name the files that `read` reads beside images and masks, by role; open none."""
    root = Path(settings.root)
    kind = _kind(settings, root)
    files = (
        metadata_files(root) if kind == IMAGE_FOLDER else {"labels": root / settings.labels} if kind == TABLE else {}
    )
    if settings.val_list is not None:
        files["val_list"] = root / settings.val_list
    return files


def input_folders(settings: FolderData) -> dict[str, Path]:
    """Name the folders of many files that `read` and the index look into, by setting."""
    root = Path(settings.root)
    folders = {"root": root}
    if settings.masks is not None:
        folders["masks"] = root / settings.masks
    if _kind(settings, root) == XML:
        folders["labels"] = root / settings.labels
    return folders


def _kind(settings: FolderData, root: Path) -> str:
    if settings.labels == IMAGE_FOLDER:
        return IMAGE_FOLDER
    try:
        return XML if (root / settings.labels).is_dir() else TABLE
    except (OSError, ValueError):
        return TABLE  # whoever reads it says why it cannot


def _label_source(settings: FolderData, root: Path) -> str:
    kind = _kind(settings, root)
    return "folders" if kind == IMAGE_FOLDER else "XML annotations" if kind == XML else f"table {settings.labels}"


def _read_labels(settings: FolderData, root: Path, images: ImageFolder) -> tuple[LabelTable, Collection[str]]:
    """Return the labels, and the images that are left out."""
    kind = _kind(settings, root)
    if kind == IMAGE_FOLDER:
        return read_folders(root, images)
    path = root / settings.labels
    if kind == TABLE:
        return read_table(path, images, "data.labels"), ()

    def mend() -> str:
        return "add it, move the image out of the folder, or correct `data.labels`"

    def annotation(image_id: str) -> Path:
        # an id keeps the suffix where others differ in it alone; the annotation never has it
        return path / images.paths[image_id].relative_to(root).with_suffix(".xml")

    rows = LabelRows(lambda image_id, _: str(annotation(image_id)))
    for image_id in images.paths:
        rows.add(image_id, read_annotation(annotation(image_id), difficult=settings.difficult, missing=mend) or ())
    return LabelTable(rows), ()


def _mend_missing_rows(settings: FolderData, missing: str, path: Path, rows: LabelRows) -> str:
    """Say how to mend images without a row; those with the names of others are masks that no setting names."""
    folders = missing.split("/")[:-1] if settings.masks is None and path.suffix.lower() in MASK_SUFFIXES else []
    starts = ("", *shared_folders(rows))
    for depth in range(1, len(folders) + 1):
        folder = "/".join(folders[:depth])
        own = missing.removeprefix(f"{folder}/")
        if any(start + own in rows for start in starts):
            return f"if `{folder}` holds masks, set `data.masks: {folder}`"
    return "add a row for each (an empty label means background alone) or move them out of the folder"


def _classes(settings: FolderData, root: Path, table: LabelTable) -> tuple[str, ...]:
    """Return the class names of the settings, else those of the table in its order, else all that occur, sorted."""
    if settings.classes is not None:
        check_classes(settings.classes, "`data.classes`")
        return settings.classes
    classes = table.classes or tuple(sorted(table.rows.names))
    check_classes(classes, str(root / settings.labels if settings.labels != IMAGE_FOLDER else root))
    return classes


def _split(
    settings: FolderData, root: Path, images: ImageFolder, rows: LabelRows
) -> tuple[Collection[str], Collection[str]]:
    """Return the ids of train and val, in the order of the labels (val: of its list)."""
    train = TextList(rows.ids(TRAIN))
    listed: Collection[str] = TextList(rows.ids(VAL))
    if settings.val_list is not None:
        path = root / settings.val_list
        if listed:
            raise InputError(
                f"{path}: the labels say a split that names val images too (a column `split`, or a folder); "
                "remove that or the setting `data.val_list`"
            )
        listed = read_image_list(path, "data.val_list", images)
        if not listed:
            raise InputError(f"{path}: the list is empty; fill it or remove `data.val_list`")
        train = TextList(image_id for image_id in rows if image_id not in listed)
    if not train:
        raise InputError(f"{root}: every image is in val, none is left to train on; correct the splits")
    # images held out of train take the place of val, which stays unseen
    return train, [] if settings.val_from_train else listed


def _find_masks(settings: FolderData, root: Path, images: ImageFolder) -> Callable[[str], str]:
    """Return what gives the path of a mask below the root, or in full, by the id of its image; empty without one.

    They lie as the images do below the root, or, where none does, below a folder that holds all of the images.
    """
    if settings.masks is None:
        return lambda image_id: ""
    found = ImageFolder(root / settings.masks, "data.masks", suffixes=MASK_SUFFIXES)
    count, start = 0, ""
    for start in ("", *shared_folders(images.paths)):
        found.check_masks(images.paths, start)
        if count := found.count_masks(images.paths, start):
            break
    if not count:
        first = next(iter(found.paths.values()), None)
        name = first.relative_to(found.folder).as_posix() if first is not None else ""
        example = f"`{name}` belongs to no image" if name else "there is no PNG or TIFF"
        raise InputError(f"{found.folder}: {example}; a mask is named like its image, with the suffix .png or .tif")
    if count < len(found.paths):
        logger.info("%d masks in %s belong to no image", len(found.paths) - count, found.folder)
    paths = found.relative_to(root)
    return lambda image_id: paths.get(image_id.removeprefix(start), "")
