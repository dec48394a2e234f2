"""Masks drawn from the outlines of a JSON in COCO's format: polygons, and run lengths of either kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsss.data.sources.coco_instances import Id, Instances
from wsss.data.sources.lists import IdColumn
from wsss.errors import InputError
from wsss.label_values import IGNORE_INDEX

SMALLER, IGNORED = "smaller", "ignore"
"""Whose a pixel of objects of several classes is: the smaller object's, or nobody's."""
LEAST_NUMBERS = 6
"""A polygon of less than three points covers nothing."""


@dataclass(frozen=True)
class Members:
    """The images of a JSON, by their ids in the data set.

    Attributes:
        instances: The JSON.
        names: Ids below the folder of photographs, in the order of the JSON.
        prefix: What ids in the data set begin with and those do not.
    """

    instances: Instances
    names: IdColumn
    prefix: str = ""

    def ids(self) -> Iterator[str]:
        """Yield the ids in the data set, in the order of the JSON."""
        return (self.prefix + name for name in self.names)

    def row(self, image_id: str) -> int | None:
        """Return the row of an image in the JSON; None if it is not there."""
        return self.names.row(image_id.removeprefix(self.prefix)) if image_id.startswith(self.prefix) else None


@dataclass(frozen=True)
class OutlinedMasks:
    """Masks of images, drawn when they are asked for.

    Objects lie over crowds, which are 255. Where objects of several classes overlap, the smaller one lies in front, or
    the pixels are 255.

    Attributes:
        parts: The images that have a mask.
        values: Label values of the categories; what is not among them stays background.
        overlaps: `smaller` or `ignore`.
    """

    parts: Sequence[Members]
    values: Mapping[Id, int]
    overlaps: str = SMALLER

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and any(part.row(image_id) is not None for part in self.parts)

    def draw(self, image_id: str, size: tuple[int, int]) -> np.ndarray:
        """Draw the mask of a photograph of this size (H, W): (H, W) uint8.

        Raises:
            InputError: If the JSON gives another size, or an outline cannot be drawn.
        """
        found = ((part.instances, row) for part in self.parts if (row := part.row(image_id)) is not None)
        instances, row = next(found)
        listed = instances.size(row)
        if listed is not None and listed != size:
            raise InputError(
                f"{instances.path}: images[{row}]: `{instances.names[row]}` is {listed[1]} x {listed[0]} pixels "
                f"there, but the photograph has {size[1]} x {size[0]}; correct the file, or the photograph"
            )
        mask, crowds = np.zeros(size, np.uint8), np.zeros(size, bool)
        objects = []
        for place in instances.annotations(row):
            value = self.values.get(instances.category(place))
            if value is None:
                continue
            code = _encoded(instances, place, size)
            if instances.is_crowd(place):
                crowds |= _decoded(code)
            elif code is not None:
                objects.append((_area(code), value, code))
        # the sort is stable: of equal areas, the later one in the file lies in front
        for _, value, code in sorted(objects, key=lambda item: -item[0]):
            self._paint(mask, _decoded(code), value)
        mask[crowds & (mask == 0)] = IGNORE_INDEX
        return mask

    def _paint(self, mask: np.ndarray, inside: np.ndarray, value: int) -> None:
        clash = inside & (mask != 0) & (mask != value) if self.overlaps == IGNORED else False
        np.copyto(mask, value, where=inside)
        np.copyto(mask, IGNORE_INDEX, where=clash)


def require_pycocotools() -> Any:
    """Return the module that draws polygons.

    Raises:
        InputError: If it is not installed.
    """
    try:
        from pycocotools import mask as coco_mask
    except ModuleNotFoundError:
        raise InputError(
            "data.masks: drawing masks from a JSON needs pycocotools, which is not installed: pip install "
            "'wsss[export]', or set `data.masks: false`"
        ) from None
    return coco_mask


def _area(code: dict[str, Any]) -> int:
    return int(require_pycocotools().area(code))


def _decoded(code: dict[str, Any] | None) -> Any:
    """Return the pixels of a run-length code, (H, W) bool; False where there is none."""
    return False if code is None else require_pycocotools().decode(code).view(bool)


def _encoded(instances: Instances, place: int, size: tuple[int, int]) -> dict[str, Any] | None:
    """Return the run-length code of an annotation; None where it covers nothing.

    pycocotools reads what it is given without looking: broken codes come back as whatever lies in the memory. So
    everything is checked before.
    """
    coco_mask, where = require_pycocotools(), instances.where(instances.number(place))
    segmentation = instances.segmentation(place)
    if segmentation is None:
        raise InputError(
            f"{where}: has no `segmentation`, but others have; add it, or set `data.masks: false` to use the image's "
            "classes alone"
        )
    if isinstance(segmentation, dict):
        counts = _counts(segmentation, size, where)
        return coco_mask.frPyObjects({"size": list(size), "counts": counts}, *size)
    polygons = _polygons(segmentation, size, where)
    return coco_mask.merge(coco_mask.frPyObjects(polygons, *size)) if polygons else None


def _polygons(segmentation: Any, size: tuple[int, int], where: str) -> list[list[float]]:
    """Check polygons, and return those that cover something."""
    if not isinstance(segmentation, list):
        raise InputError(
            f"{where}: its segmentation is {segmentation!a:.40}, expected polygons or run lengths; correct it"
        )
    listed = segmentation if isinstance(segmentation[0], list) else [segmentation]
    height, width = size
    for polygon in listed:
        if not isinstance(polygon, list) or not all(_is_number(value) for value in polygon):
            raise InputError(f"{where}: a polygon holds other things than numbers; write x1, y1, x2, y2, ...")
        if len(polygon) % 2:
            raise InputError(f"{where}: a polygon of {len(polygon)} numbers; write an x and a y for each point")
        # a little outside is usual; far outside costs memory for nothing, and is another photograph's
        outside = any(not -width <= x <= 2 * width for x in polygon[::2])
        if outside or any(not -height <= y <= 2 * height for y in polygon[1::2]):
            raise InputError(
                f"{where}: a polygon lies far outside the photograph of {width} x {height} pixels; correct it"
            )
    return [polygon for polygon in listed if len(polygon) >= LEAST_NUMBERS]


def _counts(segmentation: Mapping[str, Any], size: tuple[int, int], where: str) -> list[int]:
    """Check run lengths, and return them: pixels of background and object in turn, column by column."""
    given = segmentation.get("size")
    if given != list(size):
        found = f"{given!a:.40}" if given is not None else "missing"
        raise InputError(
            f"{where}: the `size` of its run lengths is {found}, but the photograph is {list(size)} (height, width); "
            "correct it"
        )
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _expanded(counts)
    if (
        not isinstance(counts, list)
        or not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts)
        or sum(counts) != math.prod(size)
    ):
        raise InputError(
            f"{where}: its run lengths do not add up to the {math.prod(size)} pixels of the photograph; "
            "correct `counts`"
        )
    return counts


def _expanded(text: str) -> list[int] | None:
    """Undo COCO's compression of run lengths: five bits a character, from the third on as differences; None if broken.

    Source: `rleFrString` of pycocotools' maskApi.c, which trusts what it is given.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return None if shift else counts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
