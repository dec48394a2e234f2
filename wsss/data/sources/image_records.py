"""What is listed of each image of a data set, and the list of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from wsss.data.sources.packed import ByName, PackedClasses, PackedNames, PackedTexts

TRAIN, VAL = "train", "val"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of a data set.

    Attributes:
        image_id: Its path below the folder of images, without suffix.
        image: Path of the photograph, relative to the root (absolute where it lies elsewhere).
        mask: Path of its mask likewise, empty where it has none.
        labels: Numbers of the classes in it, from 1 on (background is not among them); None: all that are in the mask.
        split: `train` or `val`.
    """

    image_id: str
    image: str
    mask: str
    labels: tuple[int, ...] | None
    split: str


class ImageRecords(Sequence[ImageRecord]):
    """The images of a data set as columns, of about 0.1 kB an image; a record is made when it is asked for.

    Attributes:
        ids: Of each image, as in its record.
        images: Likewise.
        masks: Likewise.
    """

    def __init__(self) -> None:
        self.ids, self.images, self.masks = PackedTexts(), PackedTexts(), PackedTexts()
        self._labels, self._val = PackedClasses(), bytearray()

    def append(self, record: ImageRecord) -> None:
        """Add an image at the end."""
        self.ids.append(record.image_id)
        self.images.append(record.image)
        self.masks.append(record.mask)
        self._labels.append(record.labels)
        self._val.append(record.split == VAL)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> ImageRecord: ...
    @overload
    def __getitem__(self, row: slice) -> list[ImageRecord]: ...
    def __getitem__(self, row: int | slice) -> ImageRecord | list[ImageRecord]:
        if isinstance(row, slice):
            return [self[number] for number in range(len(self))[row]]
        split = VAL if self._val[row] else TRAIN
        return ImageRecord(self.ids[row], self.images[row], self.masks[row], self._labels[row], split)

    def splits(self) -> list[str]:
        """Return the split of each image."""
        return [VAL if val else TRAIN for val in self._val]


class Splits(ByName, Mapping[str, str]):
    """The split of each image, by id.

    Args:
        train: Ids, each once.
        val: Ids likewise; one that is in train too is refused.

    Raises:
        ValueError: If an id is there twice.
    """

    def __init__(self, train: Iterable[str], val: Iterable[str]) -> None:
        ids = PackedNames(train)
        self._train = len(ids)
        for image_id in val:
            ids.append(image_id)
        super().__init__(ids)

    def __getitem__(self, image_id: str) -> str:
        return TRAIN if self._names.row_of(image_id) < self._train else VAL
