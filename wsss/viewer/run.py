"""One run for the page: its data set, layers, evaluations and numbers, as they are on the disk now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import numpy as np

from wsss.data import Dataset, load_dataset
from wsss.data.image_ids import ImageIds
from wsss.data.images import read_image
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.paths import files_of, path_of
from wsss.report.evaluations import Evaluation, load_evaluation
from wsss.viewer import numbers
from wsss.viewer.cache import Cache
from wsss.viewer.layers import ERROR, LABELS, PHOTOGRAPH, TRUTH, Layer, find_layers
from wsss.viewer.numbers import Background, CountedImages, Values
from wsss.viewer.pictures import error_map, thumbnail
from wsss.viewer.shelf import Shelf, version_of

LOOK_AGAIN = 1.0
"""Search the folder again after so many seconds."""
THUMBNAIL_BYTES, PHOTOGRAPH_BYTES = 96 << 20, 64 << 20
"""Memory for thumbnails, and for the small photographs below them."""
MEASURED = ("iou", "coverage", "foreground")
COMPARED = ("change", "disagreement")

Sort = Literal["list", "id", "iou", "coverage", "foreground", "change", "disagreement"]


@dataclass(frozen=True)
class Query:
    """Which images of a run, and in which order.

    Attributes:
        layer: Key of the layer to look at.
        versus: Key of the layer to compare it with; empty for none.
        split: Name of a split; empty takes all.
        label: Label value that the image-level labels must name; 0 takes all images.
        text: Part of the id.
        sort: The number to sort by.
        descending: From the largest to the smallest.
    """

    layer: str = PHOTOGRAPH
    versus: str = ""
    split: str = ""
    label: int = 0
    text: str = ""
    sort: Sort = "list"
    descending: bool = False


@dataclass
class Selection:
    """The images of a query in order.

    Attributes:
        values: Image -> its numbers.
        share: Share of images whose number is known; 1 when the order is final.
        note: Why there are no numbers to sort by.
    """

    ids: Sequence[str]
    values: Values = field(default_factory=dict)
    share: float = 1.0
    note: str = ""


class Run:
    """A folder of results; it is only read.

    Args:
        root: The folder, `results/RUN`.
        key: Its name in addresses.
    """

    def __init__(self, root: Path, key: str) -> None:
        self.root, self.key, self.name = root, key, root.resolve().name
        self.shelf, self.background = Shelf(), Background()
        self._lock = RLock()
        self._dataset: tuple[str | None, Dataset | None] = (None, None)
        self._found: tuple[float, list[Layer], dict[str, str]] = (0.0, [], {})
        self._evaluations: dict[Path, tuple[str, Evaluation]] = {}
        self._thumbnails: Cache[bytes] = Cache(THUMBNAIL_BYTES, len)
        self._photographs: Cache[np.ndarray] = Cache(PHOTOGRAPH_BYTES, lambda array: array.nbytes)

    # -- data set, layers, evaluations ---------------------------------------------------------------------------------

    @property
    def index(self) -> Path:
        """The file of the index."""
        return self.root / path_of(Artifact("index"), plain=True)

    def dataset(self) -> Dataset:
        """Open the data set of the index.

        Raises:
            InputError: If the index is not built yet, or damaged.
        """
        path = self.index
        with self._lock:
            version = version_of(path)
            if version is None or version != self._dataset[0] or self._dataset[1] is None:
                self._dataset = (version, load_dataset(path))
            assert self._dataset[1] is not None
            return self._dataset[1]

    def split_of(self, image_id: str) -> str:
        """Return the split of an image.

        Raises:
            InputError: If the index has no such image.
        """
        dataset = self.dataset()
        # searching for one that is spelled alike would keep the page waiting
        if image_id not in dataset:
            raise InputError(f"{self.root / 'index.h5'}: has no image `{image_id}`")
        return dataset.split_of(image_id)

    def layers(self) -> list[Layer]:
        """List the layers of all artifacts, in the order of the pipeline."""
        return self._look()[0]

    def problems(self) -> dict[str, str]:
        """Return the files that cannot be read, each with the reason."""
        return self._look()[1]

    def layer(self, key: str) -> Layer:
        """Return a layer by its key.

        Raises:
            InputError: If there is none.
        """
        for layer in self.layers():
            if layer.key == key:
                return layer
        raise InputError(f"{self.root}: has no layer `{key}`")

    def evaluations(self) -> dict[str, Evaluation]:
        """Read the evaluations by branch: the folder of variant and seed, empty in a plain run."""
        found: dict[str, Evaluation] = {}
        with self._lock:
            for path in files_of(self.root, "evaluate"):
                version = version_of(path)
                if version is None:
                    continue
                known = self._evaluations.get(path)
                if known is None or known[0] != version:
                    known = self._evaluations[path] = (version, load_evaluation(path))
                branch = path.parent.parent.relative_to(self.root).as_posix()
                found["" if branch == "." else branch] = known[1]
        return found

    def _look(self) -> tuple[list[Layer], dict[str, str]]:
        with self._lock:
            looked, layers, problems = self._found
            if time.monotonic() - looked > LOOK_AGAIN:
                layers, problems = find_layers(self.root, self.shelf)
                self._found = (time.monotonic(), layers, problems)
            return layers, problems

    # -- maps of an image ----------------------------------------------------------------------------------------------

    def version(self, key: str, split: str) -> str:
        """Return the version of the file behind a layer; empty where this split has none."""
        if key in (PHOTOGRAPH, TRUTH):
            return version_of(self.index) or ""
        path = self.layer(key.removeprefix(ERROR)).file(split)
        return (version_of(path) or "") if path is not None else ""

    def array(self, key: str, image_id: str) -> tuple[np.ndarray | None, str, list[int]]:
        """Read a map of an image, its kind, and the label values of its planes; None if the layer lacks the image."""
        dataset, split = self.dataset(), self.split_of(image_id)
        if key == TRUTH:
            return dataset.mask(image_id), LABELS, []
        if key.startswith(ERROR):
            labels, truth = self.array(key.removeprefix(ERROR), image_id)[0], dataset.mask(image_id)
            if labels is None or truth is None or labels.shape != truth.shape:
                return None, "error", []
            return error_map(labels, truth, dataset.ignore_index), "error", []
        layer = self.layer(key)
        path = layer.file(split)
        if path is None or not self.shelf.has(path, layer.array, image_id):
            return None, layer.kind, []
        array, attributes = self.shelf.read(path, layer.array, image_id, dataset)
        return array, layer.kind, [int(value) for value in attributes["classes"]] if layer.kind == "cams" else []

    def thumbnail(self, key: str, image_id: str, *, side: int, palette: str) -> bytes | None:
        """Draw a small picture of a layer or of the photograph, as JPEG; None if the layer lacks the image."""
        version = self.version(key, self.split_of(image_id))
        return (
            self._thumbnails.get(
                (key, version, image_id, side, palette), lambda: self._draw(key, image_id, side, palette)
            )
            or None
        )

    def _draw(self, key: str, image_id: str, side: int, palette: str) -> bytes:
        dataset = self.dataset()
        path = dataset.image_path(image_id)
        photograph = self._photographs.get(
            (path, version_of(path), side), lambda: read_image(path, max_side=side, reading=dataset.reading)[..., :3]
        )
        if key == PHOTOGRAPH:
            return thumbnail(photograph, None, PHOTOGRAPH, [], palette)
        array, kind, classes = self.array(key, image_id)
        # no bytes stand for an image that the layer lacks; the cache keeps these too
        return b"" if array is None else thumbnail(photograph, array, kind, classes, palette)

    # -- numbers and order ---------------------------------------------------------------------------------------------

    def select(self, query: Query) -> Selection:
        """Find the images of a query in order; missing numbers are counted in the background.

        Raises:
            InputError: If the query names an unknown split or layer.
        """
        dataset = self.dataset()
        selection, ids = Selection([]), dataset.ids()
        for split in [query.split] if query.split else dataset.splits:
            own = _chosen(dataset, query, split)
            values, share, note = self._numbers(query, split, own)
            ids += own
            selection.values = {**selection.values, **values} if selection.values else values
            selection.share = min(selection.share, share)
            selection.note = selection.note or note
        selection.ids = ids
        if query.sort == "id":
            selection.ids = sorted(ids, reverse=query.descending)
        elif query.sort == "list":
            selection.ids = ids[::-1] if query.descending else ids
        else:
            sign = -1 if query.descending else 1
            known, name = selection.values, query.sort

            def place(image_id: str) -> tuple[bool, float]:
                number = known.get(image_id, {}).get(name)
                return number is None, sign * (number or 0.0)

            selection.ids = sorted(ids, key=place)
        return selection

    def _numbers(self, query: Query, split: str, ids: ImageIds) -> tuple[Values, float, str]:
        """Return numbers of the images, the share of them that is known, and why there are none to sort by."""
        base = query.layer.removeprefix(ERROR)
        values: Values = {}
        share = 1.0
        if base not in (PHOTOGRAPH, TRUTH):
            values, share = self.measured(self.layer(base), split, wait=query.sort in MEASURED)
        if query.sort not in COMPARED:
            return values, share, ""
        counted = self._compared(query, split)
        if counted is None:
            why = {
                "change": "choose two layers of labels to sort by the change between them",
                "disagreement": "there are fewer than two layers of labels to disagree",
            }
            return values, share, why[query.sort]
        values = {i: {**values.get(i, {}), **counted.values.get(i, {})} for i in ids}
        return values, counted.share, counted.failed

    def measured(self, layer: Layer, split: str, *, wait: bool = True) -> tuple[Values, float]:
        """Return IoU, coverage and foreground per image, and the share of images that have them already.

        Args:
            layer: The layer.
            split: Split of the images.
            wait: Count the numbers where no evaluation has them.
        """
        path = layer.file(split)
        if path is None:
            return {}, 1.0
        known = self._evaluated(layer, split, path)
        if known is not None or layer.kind != LABELS or not wait:
            return known or {}, 1.0
        dataset = self.dataset()

        def count(image_id: str) -> dict[str, float]:
            if not self.shelf.has(path, layer.array, image_id):
                return {}
            labels, _ = self.shelf.read(path, layer.array, image_id, dataset)
            truth = dataset.mask(image_id)
            return numbers.label_numbers(labels, truth, dataset.num_classes, dataset.ignore_index)

        key = ("measured", layer.key, split, version_of(path) or "", version_of(dataset.path) or "")
        counted = self.background.ask(key, dataset.ids(split), count)
        return counted.values, counted.share

    def _evaluated(self, layer: Layer, split: str, path: Path) -> Values | None:
        """Return the rows of the evaluation, if it judged this very file."""
        fingerprint = self.shelf.attributes(path).get("fingerprint")
        kind, name, of_split = layer.numbers(split)
        known_as = kind if kind in ("saliency", "cams") else f"{'labels' if kind == 'label_saliency' else kind}/{name}"
        for evaluation in self.evaluations().values():
            if evaluation.content["inputs"].get("fingerprints", {}).get(known_as) == fingerprint:
                rows = evaluation.per_image.get((kind, name, of_split))
                if rows:
                    return rows
        return None

    def _compared(self, query: Query, split: str) -> CountedImages | None:
        """Count the change between the two layers of a query, or the disagreement of all label layers."""
        if query.sort == "change":
            chosen = [key.removeprefix(ERROR) for key in (query.layer, query.versus) if key]
            if len(chosen) < 2 or PHOTOGRAPH in chosen:
                return None
            kinds = {self.layer(key).kind for key in chosen if key != TRUTH}
            if kinds != {LABELS} and kinds:
                return None
        else:
            chosen = [item.key for item in self.layers() if item.array == LABELS and item.file(split) is not None]
            if len(chosen) < 2:
                return None
        versions = [self.version(key, split) for key in chosen]
        count = partial(self._compare, query.sort, chosen)
        return self.background.ask((query.sort, split, *chosen, *versions), self.dataset().ids(split), count)

    def _compare(self, sort: str, keys: Sequence[str], image_id: str) -> dict[str, float]:
        maps = [array for key in keys if (array := self.array(key, image_id)[0]) is not None]
        if sort == "disagreement":
            return numbers.disagreement(maps, self.dataset().ignore_index)
        return numbers.change(*maps) if len(maps) == 2 else {}

    def close(self) -> None:
        """Stop the counting and close the files."""
        self.background.stop()
        self.shelf.close()


def as_json(value: Any) -> Any:
    """Return the value in types that JSON knows; None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [as_json(item) for item in value]
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value if isinstance(value, str | int | bool | None) else str(value)


def _chosen(dataset: Dataset, query: Query, split: str) -> ImageIds:
    ids = dataset.ids(split)
    if query.label:
        ids = ids.where(dataset.labels(split)[:, query.label - 1] > 0)
    if query.text:
        text = query.text.lower()
        ids = ids.where(np.array([text in image_id.lower() for image_id in ids], bool))
    return ids
