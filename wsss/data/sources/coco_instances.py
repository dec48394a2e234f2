"""The tables of a JSON of instances in COCO's format: images, categories, and where each annotation lies."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsss.data.sources.json_stream import Item, stream_items
from wsss.errors import InputError

PARTS = ("images", "categories", "annotations")
Id = int | str


@dataclass(frozen=True)
class ListedImage:
    """One of `images`.

    Attributes:
        number: Its place in the list.
        name: Its `file_name`.
        size: (H, W) as the file has it; None where it says none.
    """

    number: int
    name: str
    size: tuple[int, int] | None


class Instances:
    """What a JSON says of its images, without outlines: those are read from the file again when they are drawn.

    Of each annotation some 40 bytes stay in memory. Can be used by several threads.

    Args:
        path: The file.
        setting: The setting that names it, for messages.

    Attributes:
        images: By their ids.
        categories: Names by ids, in the order of the file.
        segmented: How many annotations have a segmentation.

    Raises:
        InputError: If the file is missing or damaged, lacks a part, or contradicts itself; in one line.
    """

    def __init__(self, path: Path, setting: str) -> None:
        self.path = path
        self.images: dict[Id, ListedImage] = {}
        self.categories: dict[Id, str] = {}
        self.segmented = 0
        self._handle: Any = None
        self._image_ids: list[Id] = []
        self._category_ids: list[Id] = []
        self._crowds, self._starts, self._lengths = array("b"), array("q"), array("l")
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

    def annotations(self, image_id: Id) -> range:
        """Return the annotations of an image, as places for the functions below."""
        row = self._row_of[image_id]
        return range(int(self._bounds[row]), int(self._bounds[row + 1]))

    def number(self, place: int) -> int:
        """Return the place of an annotation in the list of the file."""
        return int(self._order[place])

    def category(self, place: int) -> Id:
        """Return the id of an annotation's category."""
        return self._category_ids[self._order[place]]

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
        if image_id in self.images:
            raise InputError(f"{self.where(item)}: the id {image_id} is there twice; give each image its own")
        sides = item.value.get("height"), item.value.get("width")
        size = None
        if all(isinstance(side, int) and side > 0 for side in sides):
            size = (int(sides[0]), int(sides[1]))
        elif sides != (None, None):
            raise InputError(f"{self.where(item)}: its height and width are {sides[0]!a:.20} and {sides[1]!a:.20}, "
                             "expected whole numbers above 0; correct or remove them")  # fmt: skip
        assert item.number is not None
        self.images[image_id] = ListedImage(item.number, name, size)

    def _take_category(self, item: Item) -> None:
        category_id, name = self._id(item, "id"), item.value.get("name")
        if not isinstance(name, str):
            raise InputError(f"{self.where(item)}: has no `name`; add it")
        if category_id in self.categories:
            raise InputError(f"{self.where(item)}: the id {category_id} is there twice; give each category its own")
        self.categories[category_id] = name

    def _take_annotation(self, item: Item) -> None:
        self._image_ids.append(self._id(item, "image_id"))
        self._category_ids.append(self._id(item, "category_id"))
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
        for part, held in (("images", self.images), ("categories", self.categories)):
            if not held:
                raise InputError(f"{self.path}: its list `{part}` is empty; fill it")
        for what, ids, known in (
            ("image", self._image_ids, self.images),
            ("category", self._category_ids, self.categories),
        ):
            number = next((number for number, own in enumerate(ids) if own not in known), None)
            if number is not None:
                raise InputError(
                    f"{self.where(number)}: there is no {what} with the id {ids[number]!a:.40}; correct or remove it"
                )

    def _index(self) -> None:
        """Sort the annotations by image, those of one image in the order of the file."""
        self._row_of: Mapping[Id, int] = {image_id: row for row, image_id in enumerate(self.images)}
        rows = np.fromiter((self._row_of[own] for own in self._image_ids), np.int64, len(self._image_ids))
        self._order = np.argsort(rows, kind="stable")
        self._bounds = np.searchsorted(rows[self._order], np.arange(len(self.images) + 1))
        # a few ids, of many annotations
        shared = {own: own for own in self.categories}
        self._category_ids = [shared[own] for own in self._category_ids]
        self._image_ids = []
