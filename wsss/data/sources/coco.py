"""COCO, and any JSON of instances in its format: classes of images and, where there are outlines, masks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsss.config.data import CocoData
from wsss.data.sources.files import ImageFolder
from wsss.data.sources.records import BACKGROUND, Listing, check_classes, choose_splits, class_number, make_listing
from wsss.errors import InputError

if TYPE_CHECKING:
    # they need numpy, and whoever asks for the names of files does not
    from wsss.data.sources.coco_instances import Id, Instances
    from wsss.data.sources.coco_masks import OutlinedMasks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Part:
    """The JSON and the photographs of a split.

    Attributes:
        images: The image of the JSON that each photograph is, by its id below the folder, in the order of the JSON.
    """

    instances: Instances
    folder: ImageFolder
    images: dict[str, Id]


def read(settings: CocoData, *, workers: int = 0) -> Listing:
    """List the images with their labels.

    Raises:
        InputError: For anything that is missing, unknown or contradictory.
    """
    root = Path(settings.root)
    parts = {"train": _read_part(root, settings.train_annotations, settings.train_images, "train")}
    if settings.val_annotations is not None and not settings.val_from_train:
        parts["val"] = _read_part(root, settings.val_annotations, settings.val_images, "val")
        _check_same_categories(parts["train"].instances, parts["val"].instances)
    names = _by_id(root, parts)
    categories = _categories(settings, parts["train"].instances)
    values = {category_id: number for number, category_id in enumerate(categories, start=1)}
    found = {image_id: (part, own_id) for part, members in names.items() for image_id, own_id in members.items()}
    labels = {
        image_id: _labels(parts[split].instances, own_id, values, settings.crowds)
        for image_id, (split, own_id) in found.items()
    }
    used = {
        name: [image_id for image_id in members if labels[image_id] or settings.without_classes]
        for name, members in names.items()
    }
    splits = choose_splits(settings, used["train"], used.get("val", []))
    return make_listing(
        name=settings.name,
        root=root,
        classes=list(categories.values()),
        splits=splits,
        images={
            image_id: part.folder.paths[own]
            for name, part in parts.items()
            for image_id, own in zip(names[name], part.images, strict=True)
        },
        masks={},
        labels={image_id: labels[image_id] for image_id in splits},
        label_source="JSON of instances",
        drawn=_masks(settings, parts, {image_id: found[image_id] for image_id in splits}, values),
        category_ids=list(categories),
    )


def input_files(settings: CocoData) -> dict[str, Path]:
    """Name the files that `read` reads beside images, by role; open none."""
    root = Path(settings.root)
    files = {"train_annotations": root / settings.train_annotations}
    if settings.val_annotations is not None and not settings.val_from_train:
        files["val_annotations"] = root / settings.val_annotations
    return files


def input_folders(settings: CocoData) -> dict[str, Path]:
    """Name the folders of photographs, by setting."""
    root = Path(settings.root)
    folders = {"train_images": root / settings.train_images}
    if settings.val_annotations is not None and not settings.val_from_train:
        folders["val_images"] = root / settings.val_images
    return folders


def _read_part(root: Path, annotations: str, images: str, split: str) -> _Part:
    from wsss.data.sources.coco_instances import Instances

    instances = Instances(root / annotations, f"data.{split}_annotations")
    folder = ImageFolder(root / images, f"data.{split}_images")
    found: dict[str, Id] = {}
    for own_id, listed in instances.images.items():
        where = f"{instances.path}: images[{listed.number}]"
        image_id = folder.find(listed.name, where)
        if image_id in found:
            first = instances.images[found[image_id]].number
            raise InputError(f"{where}: `{listed.name}` is there twice (first in images[{first}]); remove one")
        found[image_id] = own_id
    if len(found) < len(folder.paths):
        logger.info("%d images in %s are not in %s", len(folder.paths) - len(found), folder.folder, instances.path)
    return _Part(instances, folder, found)


def _by_id(root: Path, parts: Mapping[str, _Part]) -> dict[str, dict[str, Id]]:
    """Return the images of each split by id; where the splits share names, all ids begin with their folder."""
    members = [set(part.images) for part in parts.values()]
    if len(members) == 1 or not members[0] & members[1]:
        return {name: part.images for name, part in parts.items()}
    first, second = (part.folder.folder for part in parts.values())
    if first.resolve() == second.resolve():
        shared = next(image_id for image_id in parts["val"].images if image_id in members[0])
        raise InputError(f"{parts['val'].instances.path}: image `{shared}` of val is in train too; remove it from one")
    if first.name == second.name:
        raise InputError(f"{second}: has images of the same names as {first}; rename one of the folders")
    return {
        name: {f"{part.folder.folder.name}/{image_id}": own_id for image_id, own_id in part.images.items()}
        for name, part in parts.items()
    }


def _check_same_categories(train: Instances, val: Instances) -> None:
    for category_id, name in val.categories.items():
        other = train.categories.get(category_id)
        if other != name:
            known = f"`{other}`" if other is not None else "unknown"
            raise InputError(
                f"{val.path}: category {category_id} is `{name}`, but {known} in {train.path}; give both the same"
            )


def _categories(settings: CocoData, instances: Instances) -> dict[Id, str]:
    """Return the names of the categories that are used, by id, in the order of label values from 1 on."""
    known = dict(instances.categories)
    if all(isinstance(category_id, int) for category_id in known):
        known = dict(sorted(known.items()))
    if settings.classes is None:
        # some tools list it; it has no annotations, for it is everywhere
        used = {instances.category(place) for own in instances.images for place in instances.annotations(own)}
        named = {own: name for own, name in known.items() if name.lower() != BACKGROUND or own in used}
        check_classes(list(named.values()), f"{instances.path}: categories")
        return named
    check_classes(settings.classes, "`data.classes`")
    by_name = {name: place for place, name in enumerate(known.values())}
    ids = list(known)
    return {ids[class_number(name, by_name, "`data.classes`")]: name for name in settings.classes}


def _labels(instances: Instances, own_id: Id, values: Mapping[Id, int], crowds: bool) -> set[int]:
    """Return the label values of an image's annotations."""
    return {
        values[category]
        for place in instances.annotations(own_id)
        if (category := instances.category(place)) in values and (crowds or not instances.is_crowd(place))
    }


def _masks(
    settings: CocoData, parts: Mapping[str, _Part], images: Mapping[str, tuple[str, Id]], values: Mapping[Id, int]
) -> OutlinedMasks | None:
    """Return the masks of the splits that have outlines."""
    outlined = {name for name, part in parts.items() if part.instances.segmented}
    if not settings.masks or not outlined:
        return None
    from wsss.data.sources.coco_masks import OutlinedMasks, require_pycocotools

    require_pycocotools()
    drawn = {
        image_id: (parts[split].instances, own_id) for image_id, (split, own_id) in images.items() if split in outlined
    }
    return OutlinedMasks(drawn, values, settings.overlaps)
