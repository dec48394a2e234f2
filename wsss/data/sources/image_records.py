"""What is listed of each image of a data set, and the list of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wsss.data.sources.lists import (
    UNIQUE_ID,
    ById,
    Rows,
    TextColumn,
    bytes_of,
    bytes_of_numbers,
    numbers_of,
    text_of,
)
from wsss.scratch import ScratchTable

TRAIN, VAL = "train", "val"
COLUMNS = ("id", "image", "mask", "labels", "split")


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


class ImageRecords(Rows[ImageRecord]):
    """The images of a data set, on the disk; a record is made when it is asked for.

    Attributes:
        ids: Of each image, as in its record.
        images: Likewise.
        masks: Likewise.
        splits: Likewise.
    """

    def __init__(self) -> None:
        super().__init__(ScratchTable(*COLUMNS), ", ".join(COLUMNS), _record)
        self.ids, self.images = TextColumn(self._table, "id"), TextColumn(self._table, "image")
        self.masks, self.splits = TextColumn(self._table, "mask"), TextColumn(self._table, "split")

    def append(self, record: ImageRecord) -> None:
        """Add an image at the end."""
        labels = None if record.labels is None else bytes_of_numbers(record.labels)
        names = map(bytes_of, (record.image_id, record.image, record.mask))
        self._table.append(*names, labels, bytes_of(record.split))


def _record(image_id: bytes, image: bytes, mask: bytes, labels: bytes | None, split: bytes) -> ImageRecord:
    own = None if labels is None else numbers_of(labels)
    return ImageRecord(text_of(image_id), text_of(image), text_of(mask), own, text_of(split))


class Splits(ById[str]):
    """The split of each image, by id.

    Args:
        train: Ids, each once.
        val: Ids likewise; one that is in train too is refused.

    Raises:
        ValueError: If an id is there twice.
    """

    def __init__(self, train: Iterable[str], val: Iterable[str]) -> None:
        super().__init__(ScratchTable(UNIQUE_ID, "split"), "split", text_of)
        for split, ids in ((TRAIN, train), (VAL, val)):
            for image_id in ids:
                if not self._table.append(bytes_of(image_id), bytes_of(split)):
                    raise ValueError(f"{image_id!r} is there twice")
