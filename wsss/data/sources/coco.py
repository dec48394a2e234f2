"""COCO, and any JSON of instances in its format: classes of images and, where there are outlines, masks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wsss.config.data import CocoData
from wsss.data.sources.image_folder import ImageFolder
from wsss.data.sources.lists import IdList, TextList
from wsss.data.sources.records import BACKGROUND, Listing, check_classes, choose_splits, class_number, make_listing
from wsss.errors import InputError

if TYPE_CHECKING:
    # they need numpy, and whoever asks for the names of files does not
    from wsss.data.sources.coco_instances import Id, Instances
    from wsss.data.sources.coco_masks import Members, OutlinedMasks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Part:
    """The images that the JSON of a split says, and the photographs of this split."""

    members: Members
    folder: ImageFolder

    @property
    def instances(self) -> Instances:
        """The JSON."""
        return self.members.instances


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
    parts = _with_prefixes(parts)
    categories = _categories(settings, parts["train"].instances)
    values = {category_id: number for number, category_id in enumerate(categories, start=1)}

    def labels(image_id: str) -> set[int]:
        part, row = _find(parts, image_id)
        return _labels(part.instances, row, values, settings.crowds)

    used = {
        name: TextList(
            image_id
            for row, image_id in enumerate(part.members.ids())
            if settings.without_classes or _labels(part.instances, row, values, settings.crowds)
        )
        for name, part in parts.items()
    }
    splits = choose_splits(settings, used["train"], used.get("val", ()))
    return make_listing(
        name=settings.name,
        root=root,
        classes=list(categories.values()),
        splits=splits,
        images=_paths(root, parts),
        masks=lambda _: "",
        labels=labels,
        label_source="JSON of instances",
        drawn=_masks(settings, parts, values),
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
    from wsss.data.sources.coco_masks import Members

    instances = Instances(root / annotations, f"data.{split}_annotations")
    folder = ImageFolder(root / images, f"data.{split}_images")
    found = IdList()
    for row, name in enumerate(instances.names):
        where = f"{instances.path}: images[{row}]"
        image_id = folder.find(name, where)
        if (first := found.row(image_id)) is not None:
            raise InputError(f"{where}: `{name}` is there twice (first in images[{first}]); remove one")
        found.append(image_id)
    if len(found) < len(folder.paths):
        logger.info("%d images in %s are not in %s", len(folder.paths) - len(found), folder.folder, instances.path)
    return _Part(Members(instances, found), folder)


def _with_prefixes(parts: dict[str, _Part]) -> dict[str, _Part]:
    """Let all ids begin with the folder of their split where the splits share names."""
    if len(parts) == 1:
        return parts
    train, val = parts["train"], parts["val"]
    shared = next((image_id for image_id in val.members.names if image_id in train.members.names), None)
    if shared is None:
        return parts
    first, second = train.folder.folder, val.folder.folder
    if first.resolve() == second.resolve():
        raise InputError(f"{val.instances.path}: image `{shared}` of val is in train too; remove it from one")
    if first.name == second.name:
        raise InputError(f"{second}: has images of the same names as {first}; rename one of the folders")
    return {
        name: replace(part, members=replace(part.members, prefix=f"{part.folder.folder.name}/"))
        for name, part in parts.items()
    }


def _find(parts: Mapping[str, _Part], image_id: str) -> tuple[_Part, int]:
    """Return the part that an image is in, and its row there."""
    return next((part, row) for part in parts.values() if (row := part.members.row(image_id)) is not None)


def _paths(root: Path, parts: Mapping[str, _Part]) -> Callable[[str], str]:
    """Return what gives the path of a photograph below the root by its id."""
    below = [(part.members, part.folder.relative_to(root)) for part in parts.values()]

    def path(image_id: str) -> str:
        return next(paths[image_id.removeprefix(own.prefix)] for own, paths in below if own.row(image_id) is not None)

    return path


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
        used = {
            instances.category(place) for row in range(len(instances.names)) for place in instances.annotations(row)
        }
        named = {own: name for own, name in known.items() if name.lower() != BACKGROUND or own in used}
        check_classes(list(named.values()), f"{instances.path}: categories")
        return named
    check_classes(settings.classes, "`data.classes`")
    by_name = {name: place for place, name in enumerate(known.values())}
    ids = list(known)
    return {ids[class_number(name, by_name, "`data.classes`")]: name for name in settings.classes}


def _labels(instances: Instances, row: int, values: Mapping[Id, int], crowds: bool) -> set[int]:
    """Return the label values of an image's annotations."""
    return {
        values[category]
        for place in instances.annotations(row)
        if (category := instances.category(place)) in values and (crowds or not instances.is_crowd(place))
    }


def _masks(settings: CocoData, parts: Mapping[str, _Part], values: Mapping[Id, int]) -> OutlinedMasks | None:
    """Return the masks of the splits that have outlines."""
    outlined = [part.members for part in parts.values() if part.instances.segmented]
    if not settings.masks or not outlined:
        return None
    from wsss.data.sources.coco_masks import OutlinedMasks, require_pycocotools

    require_pycocotools()
    return OutlinedMasks(outlined, values, settings.overlaps)
