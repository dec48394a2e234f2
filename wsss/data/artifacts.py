"""The door of every stage: an artifact about the images of an index, checked against it wherever it is read.

A stage opens its inputs as `IndexedArtifact`. What an array may hold is said in `wsss.data.contents`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from wsss.data.contents import CAMS, SALIENCY, problem_of
from wsss.data.dataset import Dataset
from wsss.data.image_ids import ImageIds
from wsss.errors import InputError
from wsss.pipeline.names import LABEL_STAGES
from wsss.store import ArtifactReader, rebuild_hint


class IndexedArtifact(ArtifactReader):
    """Reads an artifact, and refuses what does not belong to the images and classes of an index.

    When it is opened: its classes are those of the index, and the index is the one that it was made from, as far as it
    says so. When an array is read: type, dimensions, size, values (see `problem_of`).

    Args:
        path: The file.
        stage: Stages that may have written it, one name or several; None takes any.
        dataset: The data set of the index.

    Raises:
        InputError: On first use, or when an array is read; one line that says what differs and how to mend it.
    """

    def __init__(self, path: str | Path, stage: str | tuple[str, ...] | None, dataset: Dataset) -> None:
        super().__init__(path, stage)
        self._dataset_of_index = dataset
        self._admitted = False
        self._stage = ""

    @classmethod
    def of(cls, reader: ArtifactReader, dataset: Dataset) -> Self:
        """Return a reader of the same file and stages that checks it against an index."""
        return cls(reader.path, reader.stages, dataset)

    @property
    def file(self) -> Any:
        """The file, opened by this process, of the classes and the index that it should be of."""
        file = super().file
        if not self._admitted:
            # set first, for looking at the header comes back here; loader workers get it with the reader
            self._admitted = True
            try:
                self._check_header()
            except BaseException:
                self._admitted = False
                self.close()
                raise
        return file

    def require(self, kind: str, image_ids: ImageIds) -> Self:
        """Check that the images have an array of this kind, then close the file, for workers open it themselves.

        Raises:
            InputError: If an image has none, or the artifact holds images that the index does not have.
        """
        if kind not in self.kinds():
            held = ", ".join(self.kinds()) or "no arrays"
            raise InputError(f"{self.path}: holds no {kind}, only {held}; pass the file of another stage")
        dataset = self._dataset_of_index
        has, foreign, first = np.zeros(dataset.num_images, bool), 0, b""
        for block in self.id_blocks(kind):
            rows = dataset.rows(block)
            has[rows[rows >= 0]] = True
            unknown = block[rows < 0]
            foreign, first = foreign + len(unknown), first or next(iter(unknown), b"")
        rows = dataset.rows(image_ids)
        missing = image_ids.where((rows < 0) | ~has[rows])
        if missing:
            raise InputError(
                f"{self.path}: {len(missing)} of {len(image_ids)} images have no {kind}, the first is `{missing[0]}`; "
                f"{rebuild_hint(self.path)}"
            )
        if foreign:
            raise InputError(
                f"{self.path}: holds image `{first.decode()}` ({foreign} such in all), which {dataset.path} does not "
                "have; pass the index that it was made from"
            )
        self.close()
        return self

    def read_with_attributes(self, kind: str, image_id: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Read and check one array of one image, with its attributes.

        Raises:
            InputError: If the array is missing, damaged, or not what an array of this kind and image can be.
        """
        array, attributes = super().read_with_attributes(kind, image_id)
        check_array(self.path, kind, image_id, array, attributes, self._dataset_of_index, self._stage)
        return array, attributes

    def _check_header(self) -> None:
        attributes = self.attributes
        check_header(self.path, attributes, self.kinds(), self._dataset_of_index)
        self._stage = str(attributes["stage"])


def check_header(path: Path, attributes: Mapping[str, Any], kinds: Iterable[str], dataset: Dataset) -> None:
    """Check that an artifact is of the classes of an index, and of this index, as far as it says so.

    Args:
        path: The artifact, for messages.
        attributes: Its root attributes.
        kinds: Kinds of its arrays. Saliency knows no classes, all others must name theirs.
        dataset: The data set of the index.

    Raises:
        InputError: Naming both files, what differs, and how to mend it.
    """
    names = attributes.get("class_names")
    if names is None and {*kinds} - {SALIENCY}:
        raise InputError(f"{path}: does not say its classes (class_names); {rebuild_hint(path)}")
    if names is not None and tuple(names) != dataset.class_names:
        difference = _difference(names, dataset.class_names)
        raise InputError(
            f"{path}: was made for other classes than {dataset.path} has ({difference}); pass the index that it was "
            f"made from, or {rebuild_hint(path)}"
        )
    inputs = attributes.get("inputs")
    made_from = str(inputs.get("index", "")) if isinstance(inputs, Mapping) else ""
    if made_from and made_from != dataset.fingerprint:
        raise InputError(
            f"{path}: was made from another index ({made_from[:8]}) than {dataset.path} ({dataset.fingerprint[:8]}); "
            f"pass that index, or {rebuild_hint(path)}"
        )


def check_array(
    path: Path,
    kind: str,
    image_id: str,
    array: np.ndarray,
    attributes: Mapping[str, Any],
    dataset: Dataset,
    stage: str = "",
) -> None:
    """Check an array of an artifact against the index.

    Args:
        path: The artifact, for messages.
        kind: Kind of the array.
        image_id: Its image.
        array: The array.
        attributes: Its attributes.
        dataset: The data set of the index.
        stage: The stage that wrote the artifact.

    Raises:
        InputError: If it is not what `problem_of` expects.
    """
    problem = problem_of(
        kind,
        array,
        attributes,
        num_classes=dataset.num_classes,
        background=dataset.background,
        sizes=(dataset.size(image_id), dataset.network_size(image_id)),
        named=np.flatnonzero(dataset.image_labels(image_id)) + 1 if kind == CAMS else None,
        refined=stage in LABEL_STAGES,
    )
    if problem:
        raise InputError(f"{path}: {kind} of `{image_id}` {problem}; {rebuild_hint(path)}")


def _difference(theirs: Sequence[Any], ours: Sequence[str]) -> str:
    """Say where two lists of classes part."""
    if len(theirs) != len(ours):
        return f"{len(theirs) - 1} and not {len(ours) - 1} without background"
    place = next(i for i, (one, other) in enumerate(zip(theirs, ours, strict=True)) if one != other)
    return f"class {place} is `{theirs[place]}` there and `{ours[place]}` here"
