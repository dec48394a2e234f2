"""Recognise how a folder of photographs says its image-level labels, for a config to start from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

from wsss.config.data import AnyData, CocoData, FolderData, VocData
from wsss.data.sources.folder import IMAGE_FOLDER
from wsss.data.sources.image_folder import MASK_SUFFIXES, ImageFolder, shared_folders
from wsss.data.sources.label_folders import inside_tables, metadata_files
from wsss.data.sources.label_tables import IMAGE, JSON_LINES
from wsss.errors import InputError

_YEARS = ("2014", "2017")
_HEAD = 4096
"""Bytes of a file that are looked at to tell what it is."""

_LikeMasks = tuple[str, Set[str], Set[str]]
"""A folder that may hold masks: its name, the ids in it, and those of the images outside of it."""


def recognize(folder: Path) -> AnyData:
    """Return settings for the data set in a folder, by what lies in it; photographs stay closed.

    Args:
        folder: VOC's or COCO's, or photographs with a table, a JSON of instances, a folder for each class, or XML.

    Raises:
        InputError: If the folder cannot be read, holds no photograph, or nothing says what they show.
    """
    if folder.is_file() and (inside := inside_tables(folder)):
        raise InputError(inside)
    for settings in _candidates(folder):
        return settings
    images = ImageFolder(folder, "the folder")
    if inside := inside_tables(folder):
        raise InputError(inside)
    if not images.paths:
        raise InputError(f"{folder}: there is no photograph in it; give the folder that holds them")
    raise InputError(
        f"{folder}: {len(images.paths)} photographs, but nothing says what they show{_near(folder, images)}; add "
        "labels.csv (lines of `image,label`), a folder for each class, or another of the ways in docs/datasets.md"
    )


def _near(folder: Path, images: ImageFolder) -> str:
    """Say in brackets what looks like labels and is not: a table without images, folders beside loose photographs."""
    reasons = [f"{path.name} has no column or key `{IMAGE[0]}`" for path in _tables(folder)[:1]]
    loose = [path.name for image_id, path in images.paths.items() if "/" not in image_id]
    if 0 < len(loose) < len(images.paths):
        more = f" and {len(loose) - 1} more are" if len(loose) > 1 else " is"
        reasons.append(f"folders are no classes, for {loose[0]}{more} in none")
    return f" ({'; '.join(reasons)})" if reasons else ""


def _candidates(folder: Path) -> Iterator[AnyData]:
    """Yield what the folder may be, the surest first."""
    for root in (folder, folder / "VOC2012", folder / "VOCdevkit/VOC2012"):
        if (root / "JPEGImages").is_dir() and (root / "ImageSets").is_dir():
            yield _voc(root)
    for year in _YEARS:
        if (folder / f"annotations/instances_train{year}.json").is_file():
            yield _coco(folder, year)
    yield from _instances(folder)
    yield from _folders(folder)


def _voc(root: Path) -> VocData:
    """Return VOC's folders; without annotations, labels come from a table beside them."""
    tables = [path.name for path in (*sorted(root.glob("*.npy")), *sorted(root.glob("*label*.txt")))]
    xml = (root / "Annotations").is_dir() or not tables
    classes = root / "classes.txt"
    return VocData(
        root=str(root),
        image_labels="xml" if xml else tables[0],
        mask_folder="SegmentationClass" if (root / "SegmentationClass").is_dir() else None,
        classes=classes.name if classes.is_file() else None,
    )


def _coco(folder: Path, year: str) -> CocoData:
    annotations = "annotations/instances_{}.json"
    val = annotations.format(f"val{year}")
    return CocoData(
        root=str(folder),
        train_annotations=annotations.format(f"train{year}"),
        val_annotations=val if (folder / val).is_file() else None,
        train_images=f"train{year}",
        val_images=f"val{year}",
    )


def _instances(folder: Path) -> Iterator[CocoData]:
    """Yield a data set of JSON files of instances beside the photographs."""
    found = sorted(path.name for path in folder.glob("*.json") if b'"images"' in _head(path))
    val = [name for name in found if "val" in name.lower()]
    train = [name for name in found if name not in val]
    if train:
        yield CocoData(
            root=str(folder),
            train_annotations=train[0],
            val_annotations=val[0] if val else None,
            train_images=".",
            val_images=".",
        )


def _folders(folder: Path) -> Iterator[FolderData]:
    """Yield a folder of photographs with a table, folders of classes, or annotations in XML."""
    like_masks = list(_like_masks(folder))
    masks = _mask_folder(like_masks)
    found = _tables(folder)
    # a table of this name is meant as one: reading it says what is wrong with its header
    tables = [path.name for path in found if _is_table(path) or path.stem.lower() == "labels"]
    if tables:
        beside = _mask_folder_beside_one(like_masks, folder / tables[0]) if masks is None else masks
        yield FolderData(root=str(folder), labels=tables[0], masks=beside)
    excluded = [folder / masks] if masks else []
    paths = ImageFolder(folder, "the folder", exclude=excluded).paths
    annotated = [name for name in (".", "Annotations", "annotations") if _has_xml(folder / name, folder, paths)]
    if annotated:
        yield FolderData(root=str(folder), labels=annotated[0], masks=masks)
    if paths and (metadata_files(folder) or all("/" in image_id for image_id in paths)):
        yield FolderData(root=str(folder), labels=IMAGE_FOLDER, masks=masks)


def _mask_folder(like_masks: Iterable[_LikeMasks]) -> str | None:
    """Return the folder below whose files are masks by their names: those of photographs, as below the whole folder."""
    return next((name for name, pictures, others in like_masks if _half(pictures, others)), None)


def _mask_folder_beside_one(like_masks: Iterable[_LikeMasks], table: Path) -> str | None:
    """Return likewise the folder beside the one that holds all photographs, each named as below its own.

    Two folders of photographs may look so too: a folder that the table names holds no masks. Where two are left, for
    both hold PNGs, the one called masks holds them.
    """
    named = table.read_bytes()
    found = [
        name
        for name, pictures, others in like_masks
        if f"{name}/".encode() not in named
        and any(_half({start + own for own in pictures}, others) for start in shared_folders(others))
    ]
    if len(found) > 1:
        found = [name for name in found if "mask" in name.lower()]
    return found[0] if len(found) == 1 else None


def _like_masks(folder: Path) -> Iterator[_LikeMasks]:
    """Yield the folders below that hold PNGs and TIFFs alone: name, ids in it, and ids of the images outside of it."""
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        pictures = ImageFolder(below, "the folder").paths
        if pictures and all(path.suffix.lower() in MASK_SUFFIXES for path in pictures.values()):
            yield below.name, pictures.keys(), ImageFolder(folder, "the folder", exclude=[below]).paths.keys()


def _half(pictures: Set[str], others: Set[str]) -> bool:
    """Tell whether half of the pictures or more are named like others."""
    return 2 * len(pictures & others) >= len(pictures)


def _tables(folder: Path) -> list[Path]:
    """Return the tables in a folder, those called `labels` first; `metadata` belongs to folders of classes."""
    paths = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in (".csv", *JSON_LINES)]
    paths = [path for path in paths if path.stem != "metadata" and path.is_file()]
    return sorted(paths, key=lambda path: path.stem.lower() != "labels")


def _is_table(path: Path) -> bool:
    """Tell whether a table has a column of images."""
    head = _head(path).decode("utf-8-sig", "replace").splitlines()
    if path.suffix.lower() == ".csv":
        return bool(head) and any(name.strip().strip('"') in IMAGE for name in head[0].split(","))
    return bool(head) and any(f'"{name}"' in head[0] for name in IMAGE)


def _has_xml(annotations: Path, root: Path, paths: Mapping[str, Path]) -> bool:
    """Tell whether any of the first photographs has an annotation there."""
    first = list(paths.values())[:100]
    return any((annotations / path.relative_to(root).with_suffix(".xml")).is_file() for path in first)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
