"""The tables of a JSON of instances in COCO's format: images, categories, and where each annotation lies."""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from wsss.data.sources.json_stream import Item, stream_items
from wsss.data.sources.lists import TextList
from wsss.errors import InputError

PARTS = ("images", "categories", "annotations")
Id = int | str
LONGEST = 2**31 - 1
"""No photograph is longer: an image whose side is said to be fits none."""


class Instances:
    """What a JSON says of its images, without outlines: those are read from the file again when they are drawn.

    Of each annotation some 20 bytes stay in memory, of each image its name and 24 more. Can be used by several threads.

    Args:
        path: The file.
        setting: The setting that names it, for messages.

    Attributes:
        names: The `file_name` of each image, in the order of the file; functions below name an image by its row here.
        categories: Names by ids, in the order of the file.
        segmented: How many annotations have a segmentation.

    Raises:
        InputError: If the file is missing or damaged, lacks a part, or contradicts itself; in one line.
    """

    def __init__(self, path: Path, setting: str) -> None:
        self.path = path
        self.names = TextList()
        self.categories: dict[Id, str] = {}
        self.segmented = 0
        self._handle: Any = None
        # two for each image, 0 and 0 where the file says none
        self._sides = array("i")
        # of each annotation; ids stand as numbers, in the order in which they came
        self._image_ids, self._category_ids = _Numbered(), _Numbered()
        self._image_numbers, self._category_numbers = array("i"), array("i")
        self._crowds, self._starts, self._lengths = array("b"), array("q"), array("i")
        self._row_of: dict[Id, int] = {}
        readers = {"images": self._take_image, "categories": self._take_category, "annotations": self._take_annotation}
        found = set()
        for item in stream_items(path, setting):
            found.add(item.key)
            if item.key not in readers or (item.number is None and item.value == []):
                continue
            if item.number is None or not isinstance(item.value, dict):
                raise InputError(f"{self.where(item)}: is {item.value!a:.40}, expected a list of objects; correct it")
            readers[item.key](item)
        self._check_parts(found)
        self._index()

    def where(self, item: Item | int) -> str:
        """Name an item of the file, or an annotation by its number, for messages."""
        key, number = ("annotations", item) if isinstance(item, int) else (item.key, item.number)
        return f"{self.path}: {key}" + ("" if number is None else f"[{number}]")

    def size(self, row: int) -> tuple[int, int] | None:
        """Return (H, W) of an image as the file has it; None where it says none."""
        height, width = self._sides[2 * row : 2 * row + 2]
        return (height, width) if height else None

    def annotations(self, row: int) -> range:
        """Return the annotations of an image, as places for the functions below."""
        return range(int(self._bounds[row]), int(self._bounds[row + 1]))

    def number(self, place: int) -> int:
        """Return the place of an annotation in the list of the file."""
        return int(self._order[place])

    def category(self, place: int) -> Id:
        """Return the id of an annotation's category."""
        return self._category_ids.ids[self._category_numbers[self._order[place]]]

    def is_crowd(self, place: int) -> bool:
        """Return whether an annotation is of a region of many objects."""
        return bool(self._crowds[self._order[place]])

    def segmentation(self, place: int) -> Any:
        """Read the segmentation of an annotation from the file; None where it has none.

        Raises:
            InputError: If the file has changed meanwhile.
        """
        number = self.number(place)
        if self._handle is None:
            self._handle = self.path.open("rb")
        content = os.pread(self._handle.fileno(), self._lengths[number], self._starts[number])
        try:
            return json.loads(content).get("segmentation") or None
        except (ValueError, AttributeError):
            raise InputError(f"{self.path}: has changed while it was read; run the same command again") from None

    def _take_image(self, item: Item) -> None:
        image_id, name = self._id(item, "id"), item.value.get("file_name")
        if not isinstance(name, str) or not name:
            raise InputError(f"{self.where(item)}: has no `file_name`; add it, or remove the image")
        if image_id in self._row_of:
            raise InputError(f"{self.where(item)}: the id {image_id} is there twice; give each image its own")
        sides = item.value.get("height"), item.value.get("width")
        size = None
        if all(isinstance(side, int) and side > 0 for side in sides):
            size = (min(sides[0], LONGEST), min(sides[1], LONGEST))
        elif sides != (None, None):
            raise InputError(f"{self.where(item)}: its height and width are {sides[0]!a:.20} and {sides[1]!a:.20}, "
                             "expected whole numbers above 0; correct or remove them")  # fmt: skip
        self._row_of[image_id] = len(self.names)
        self.names.append(name)
        self._sides.extend(size or (0, 0))

    def _take_category(self, item: Item) -> None:
        category_id, name = self._id(item, "id"), item.value.get("name")
        if not isinstance(name, str):
            raise InputError(f"{self.where(item)}: has no `name`; add it")
        if category_id in self.categories:
            raise InputError(f"{self.where(item)}: the id {category_id} is there twice; give each category its own")
        self.categories[category_id] = name

    def _take_annotation(self, item: Item) -> None:
        self._image_numbers.append(self._image_ids.number(self._id(item, "image_id")))
        self._category_numbers.append(self._category_ids.number(self._id(item, "category_id")))
        crowd = item.value.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise InputError(f"{self.where(item)}: its `iscrowd` is {crowd!a:.20}, expected 0 or 1; correct it")
        self._crowds.append(int(crowd))
        self._starts.append(item.start)
        self._lengths.append(item.length)
        self.segmented += bool(item.value.get("segmentation"))

    def _id(self, item: Item, name: str) -> Id:
        value = item.value.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int | str) or isinstance(value, bool):
            what = (
                f"its `{name}` is {value!a:.20}, expected a number or a text"
                if name in item.value
                else f"has no `{name}`"
            )
            raise InputError(f"{self.where(item)}: {what}; correct it")
        return value

    def _check_parts(self, found: set[str]) -> None:
        for part in PARTS:
            if part not in found:
                raise InputError(f"{self.path}: has no `{part}`; give a JSON of instances in COCO's format")
        for part, held in (("images", self._row_of), ("categories", self.categories)):
            if not held:
                raise InputError(f"{self.path}: its list `{part}` is empty; fill it")
        for what, named, numbers, known in (
            ("image", self._image_ids, self._image_numbers, self._row_of),
            ("category", self._category_ids, self._category_numbers, self.categories),
        ):
            unknown = next((number for number, own in enumerate(named.ids) if own not in known), None)
            if unknown is not None:
                raise InputError(
                    f"{self.where(numbers.index(unknown))}: there is no {what} with the id "
                    f"{named.ids[unknown]!a:.40}; correct or remove it"
                )

    def _index(self) -> None:
        """Sort the annotations by image, those of one image in the order of the file."""
        row_of_number = np.array([self._row_of[own] for own in self._image_ids.ids], np.int32)
        rows = row_of_number[np.array(self._image_numbers, np.int32)]
        order = np.argsort(rows, kind="stable")
        self._bounds = np.searchsorted(rows[order], np.arange(len(self.names) + 1))
        self._order = order.astype(np.int32)
        # from here on images are rows
        self._row_of, self._image_ids, self._image_numbers = {}, _Numbered(), array("i")


class _Numbered:
    """Ids, numbered in the order in which they come, so that an annotation need not hold the id itself."""

    def __init__(self) -> None:
        self.ids: list[Id] = []
        self._numbers: dict[Id, int] = {}

    def number(self, own: Id) -> int:
        """Return the number of an id, a new one if it has none."""
        if own not in self._numbers:
            self._numbers[own] = len(self.ids)
            self.ids.append(own)
        return self._numbers[own]
