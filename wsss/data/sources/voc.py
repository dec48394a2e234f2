"""PASCAL VOC 2012, and any data set in its folder layout."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from wsss.config.data import VocData
from wsss.data.sources.annotations import read_annotation
from wsss.data.sources.files import existing_folder, read_lines
from wsss.data.sources.image_folder import MASK_SUFFIXES, ImageFolder, check_disjoint, read_image_list
from wsss.data.sources.lists import UNIQUE_ID, ById, LabelsById, TextList, bytes_of, text_of
from wsss.data.sources.records import (
    BACKGROUND,
    Listing,
    check_classes,
    choose_splits,
    class_number,
    did_you_mean,
    make_listing,
)
from wsss.errors import InputError
from wsss.scratch import ScratchTable

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
ANNOTATIONS = "Annotations"
XML, MASKS = "xml", "masks"
CLASS_TABLE = ".npy"
_WORDS = {XML: "XML annotations", MASKS: "masks (ground truth)"}


def read(settings: VocData, *, workers: int = 0) -> Listing:
    """List the images with their labels.

    Raises:
        InputError: For anything that is missing, unknown or contradictory.
    """
    root = existing_folder(Path(settings.root), "data.root")
    classes = _read_classes(root / settings.classes) if settings.classes else VOC_CLASSES
    images = ImageFolder(root / settings.image_folder, "data.image_folder")
    lists = _read_lists(settings, root, images)
    splits = choose_splits(settings, lists["train"], lists["val"])
    masks: Mapping[str, str] = {}
    if settings.mask_folder is not None:
        found = ImageFolder(root / settings.mask_folder, "data.mask_folder", suffixes=MASK_SUFFIXES)
        found.check_masks(splits)
        masks = found.relative_to(root)
    labels, label_source = _read_labels(settings, root, splits, classes)
    return make_listing(
        name=settings.name,
        root=root,
        classes=classes,
        splits=splits,
        images=images.relative_to(root).__getitem__,
        masks=lambda image_id: masks.get(image_id, ""),
        labels=labels.__getitem__,
        label_source=label_source,
    )


def input_files(settings: VocData) -> dict[str, Path]:
    """Name the files that `read` reads beside images, masks and annotations, by role; open none."""
    root = Path(settings.root)
    files = {"train_list": root / settings.train_list}
    if settings.val_list is not None and not settings.val_from_train:
        files["val_list"] = root / settings.val_list
    for name in ("image_labels", "without_xml"):
        source = getattr(settings, name)
        if source not in (None, XML, MASKS):
            files[name] = root / source
    if settings.classes is not None:
        files["classes"] = root / settings.classes
    return files


def input_folders(settings: VocData) -> dict[str, Path]:
    """Name the folders of many files that `read` and the index look into, by setting."""
    root = Path(settings.root)
    folders = {"image_folder": root / settings.image_folder}
    if settings.mask_folder is not None:
        folders["mask_folder"] = root / settings.mask_folder
    if settings.image_labels == XML:
        folders["image_labels"] = root / ANNOTATIONS
    return folders


def _read_lists(settings: VocData, root: Path, images: ImageFolder) -> dict[str, Mapping[str, int]]:
    """Read, per split, the line of each image in its list; no val where images of train will take its place."""

    def keep(name: str) -> bool:
        return settings.id_filter is None or fnmatchcase(name, settings.id_filter)

    train = _read_list(settings, root / settings.train_list, "data.train_list", images, keep)
    val: Mapping[str, int] = {}
    if settings.val_list is not None and not settings.val_from_train:
        path = root / settings.val_list
        val = _read_list(settings, path, "data.val_list", images, keep)
        check_disjoint(train, val, path)
    return {"train": train, "val": val}


def _read_list(
    settings: VocData, path: Path, setting: str, images: ImageFolder, keep: Callable[[str], bool]
) -> Mapping[str, int]:
    found = read_image_list(path, setting, images, keep)
    if not found and settings.id_filter is not None and any(read_lines(path, setting)):
        raise InputError(f"{path}: `data.id_filter` ({settings.id_filter}) leaves no image; correct the pattern")
    if not found:
        raise InputError(f"{path}: the list is empty; fill it or correct `{setting}`")
    return found


def _read_classes(path: Path) -> tuple[str, ...]:
    lines = [line for _, line in read_lines(path, "data.classes")]
    if not lines or BACKGROUND not in lines[0].lower():
        first = lines[0] if lines else ""
        raise InputError(f"{path} line 1: the first class must be `{BACKGROUND}`, found `{first}`; add it")
    check_classes(lines[1:], str(path))
    return tuple(lines[1:])


def _read_labels(
    settings: VocData, root: Path, image_ids: Collection[str], classes: tuple[str, ...]
) -> tuple[LabelsById, str]:
    """Read class numbers by id, None where they are to come from the mask; also say where they come from."""
    if settings.image_labels != XML:
        if settings.without_xml is not None:
            raise InputError(
                f"`data.without_xml` is {settings.without_xml}, but `data.image_labels` is {settings.image_labels}, "
                "not `xml`; remove one"
            )
        return _from(settings.image_labels, "data.image_labels", root, image_ids, classes)
    folder = existing_folder(root / ANNOTATIONS, "data.image_labels")
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    labels = LabelsById()
    without = TextList()
    for image_id in image_ids:
        path = folder / f"{image_id}.xml"
        mend = None if settings.without_xml is not None else _mend_missing_xml
        names = read_annotation(path, difficult=settings.difficult, missing=mend)
        if names is None:
            without.append(image_id)
        else:
            labels.add(image_id, {class_number(name, numbers, str(path)) for name in names})
    if not without or settings.without_xml is None:
        return labels, _WORDS[XML]
    others, source = _from(settings.without_xml, "data.without_xml", root, without, classes)
    for image_id in without:
        labels.add(image_id, others[image_id])
    return labels, f"{_WORDS[XML]}; {len(without)} images: {source}"


def _mend_missing_xml() -> str:
    return "add it, or set `data.without_xml` or `data.image_labels`"


def _from(
    source: str, setting: str, root: Path, image_ids: Collection[str], classes: tuple[str, ...]
) -> tuple[LabelsById, str]:
    """Read class numbers by id from a table; None for each where they are to come from masks."""
    labels = LabelsById()
    if source == MASKS:
        for image_id in image_ids:
            labels.add(image_id, None)
        return labels, _WORDS[MASKS]
    path = root / source
    if path.suffix == CLASS_TABLE:
        from wsss.data.sources.class_table import read_class_table

        published = read_class_table(path, len(classes), setting)
        _check_all_there(path, image_ids, published)
        for image_id in image_ids:
            labels.add(image_id, published[image_id])
        return labels, f"table {source}"
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    table = _read_table(path, setting)
    _check_all_there(path, image_ids, table)
    for image_id in image_ids:
        line, names = table[image_id]
        labels.add(image_id, {class_number(name, numbers, f"{path} line {line}") for name in names})
    return labels, f"table {source}"


def _check_all_there(path: Path, image_ids: Collection[str], table: Mapping[str, object]) -> None:
    missing = [image_id for image_id in image_ids if image_id not in table]
    if missing:
        hint = did_you_mean(missing[0], table.keys() - set(image_ids)) or "; add a line for each"
        raise InputError(f"{path}: no labels of image `{missing[0]}` ({len(missing)} such images in all){hint}")


def _read_table(path: Path, setting: str) -> Mapping[str, tuple[int, list[str]]]:
    """Read line and class names by id; the table may hold images that are in no list."""
    table = ScratchTable(UNIQUE_ID, "line", "names")
    found = ById(table, "line, names", lambda line, names: (int(line), text_of(names).split()))
    for number, line in read_lines(path, setting):
        image_id, *names = line.split()
        if not table.append(bytes_of(image_id), number, bytes_of(" ".join(names))):
            raise InputError(
                f"{path} line {number}: image `{image_id}` is in the table twice (first in line {found[image_id][0]}); "
                "remove one"
            )
    return found
