"""The door of every stage: an artifact about the images of an index, checked against it wherever it is read.

What an artifact may hold is written down once, here. A stage opens its inputs as `IndexedArtifact`; whoever has no
index (`wsss inspect`) asks `problem_of` alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from wsss.data.dataset import Dataset
from wsss.errors import InputError
from wsss.label_values import IGNORE_INDEX, has_unknown
from wsss.pipeline.names import LABEL_STAGES, MASKS
from wsss.store import ArtifactReader, rebuild_hint

LABEL_KINDS = ("segmentation", *MASKS)
"""Kinds of label maps: (H, W) uint8, values 0 to the number of classes, and 255."""
SALIENCY, CAMS = "saliency", "cams"
_ONE = 0x3C00
"""1.0 as float16. Bit patterns of numbers from 0 to 1 are smaller, those of all others, infinities and nan are not."""
TOLERANCE = 1e-3
"""Rounding of float16 just above 1."""


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

    def require(self, kind: str, image_ids: Sequence[str]) -> Self:
        """Check that the images have an array of this kind, then close the file, for workers open it themselves.

        Raises:
            InputError: If an image has none, or the artifact holds images that the index does not have.
        """
        if kind not in self.kinds():
            held = ", ".join(self.kinds()) or "no arrays"
            raise InputError(f"{self.path}: holds no {kind}, only {held}; pass the file of another stage")
        held_ids = self.ids(kind)
        missing = _missing(image_ids, set(held_ids))
        if missing:
            raise InputError(
                f"{self.path}: {len(missing)} of {len(image_ids)} images have no {kind}, the first is `{missing[0]}`; "
                f"{rebuild_hint(self.path)}"
            )
        foreign = [image_id for image_id in held_ids if image_id not in self._dataset_of_index]
        if foreign:
            raise InputError(
                f"{self.path}: holds image `{foreign[0]}` ({len(foreign)} such in all), which "
                f"{self._dataset_of_index.path} does not have; pass the index that it was made from"
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
        sizes=(dataset.size(image_id), dataset.network_size(image_id)),
        named=np.flatnonzero(dataset.image_labels(image_id)) + 1 if kind == CAMS else None,
        refined=stage in LABEL_STAGES,
    )
    if problem:
        raise InputError(f"{path}: {kind} of `{image_id}` {problem}; {rebuild_hint(path)}")


def problem_of(
    kind: str,
    array: np.ndarray,
    attributes: Mapping[str, Any],
    *,
    num_classes: int,
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None,
    named: Iterable[int] | None = None,
    refined: bool = False,
) -> str:
    """Say what is wrong with an array of an artifact; empty for nothing. Other kinds than these hold what they like.

    Label maps and saliency are (H, W) uint8 of the photograph's size. CAMs are (P, h, w) floats in [0, 1], at most as
    large as the photograph or what networks see of it, with one class each in the attribute `classes`.

    Args:
        kind: `segmentation`, `saliency`, `cams`, ...
        array: The array.
        attributes: Its attributes.
        num_classes: Classes without background.
        sizes: (H, W) of the photograph, and of what networks see; None if they are not known.
        named: Label values that the image-level labels name, to which CAMs are bound; None if they are not known.
        refined: Whether CAMs have been through an affinity, whose rows need not add up to 1, so that they may pass 1.
    """
    if kind == CAMS:
        return _problem_of_cams(array, attributes, num_classes, sizes, named) or _problem_of_range(array, refined)
    if kind != SALIENCY and kind not in LABEL_KINDS:
        return ""
    if array.dtype != np.uint8:
        return f"is {array.dtype}, expected uint8"
    if array.ndim != 2 or not array.size:
        return f"has the shape {array.shape}, expected (H, W)"
    if sizes is not None and array.shape != sizes[0]:
        return f"is {_size(array.shape)}, but the photograph is {_size(sizes[0])} (height x width)"
    if kind == SALIENCY or not has_unknown(array, num_classes):
        return ""
    wrong = array[(array > num_classes) & (array != IGNORE_INDEX)]
    return f"holds the value {wrong[0]}, but the classes end at {num_classes} (0 is background, 255 is ignored)"


def _problem_of_cams(
    array: np.ndarray,
    attributes: Mapping[str, Any],
    num_classes: int,
    sizes: tuple[tuple[int, int], tuple[int, int]] | None,
    named: Iterable[int] | None,
) -> str:
    if array.dtype.kind != "f":
        return f"is {array.dtype}, expected float16"
    if array.ndim != 3 or not all(array.shape[1:]):
        return f"has the shape {array.shape}, expected (P, h, w)"
    most = [max(sides) for sides in zip(*sizes, strict=True)] if sizes is not None else list(array.shape[1:])
    if array.shape[1] > most[0] or array.shape[2] > most[1]:
        return f"is {_size(array.shape[1:])}, more than the photograph's {_size(most)} (height x width)"
    classes = np.asarray(attributes.get("classes", ()))
    if classes.dtype.kind not in "iu" and classes.size:
        return f"has classes that are no numbers ({classes.dtype})"
    values = classes.ravel().tolist()
    if len(values) != len(array):
        return f"has {len(array)} planes, but {len(values)} classes in its attribute `classes`"
    if len(set(values)) < len(values):
        return f"has a class twice ({values})"
    unknown = [value for value in values if not 1 <= value <= num_classes]
    if unknown:
        return f"has class {unknown[0]}, but the classes are 1 to {num_classes}"
    if named is not None and (absent := sorted({*values} - {*map(int, named)})):
        return f"has class {absent[0]}, which the image-level labels do not name"
    return ""


def _problem_of_range(array: np.ndarray, refined: bool) -> str:
    """Say whether floats leave [0, 1]; for float16 by their bits, for numpy compares these a number at a time."""
    if not array.size or (array.dtype == np.float16 and array.view(np.uint16).max() <= _ONE):
        return ""
    values = array.astype(np.float32) if array.dtype == np.float16 else array
    low, high = values.min(), values.max()
    if not np.isfinite(low) or not np.isfinite(high):
        return "holds numbers that are not finite"
    if low >= 0 and (refined or high <= 1 + TOLERANCE):
        return ""
    return f"holds numbers from {low:.3g} to {high:.3g}, expected {'0 and more' if refined else '0 to 1'}"


def _missing(wanted: Iterable[str], held: Collection[str]) -> list[str]:
    return [image_id for image_id in wanted if image_id not in held]


def _difference(theirs: Sequence[Any], ours: Sequence[str]) -> str:
    """Say where two lists of classes part."""
    if len(theirs) != len(ours):
        return f"{len(theirs) - 1} and not {len(ours) - 1} without background"
    place = next(i for i, (one, other) in enumerate(zip(theirs, ours, strict=True)) if one != other)
    return f"class {place} is `{theirs[place]}` there and `{ours[place]}` here"


def _size(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))
