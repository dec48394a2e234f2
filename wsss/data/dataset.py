"""The data set as all stages after `index` see it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wsss.checksums import bytes_digest
from wsss.data.image_ids import ImageIds
from wsss.data.images import bounded_size, image_size, read_image, read_mask, resize_image
from wsss.data.index_file import DRAWN, IndexFile
from wsss.data.reading import Reading
from wsss.data.sources.records import did_you_mean
from wsss.data.windows import Photograph
from wsss.errors import InputError
from wsss.grid import snapped_size
from wsss.label_values import has_background, has_unknown


def load_dataset(index_path: str | Path) -> Dataset:
    """Open the data set of an index artifact.

    Raises:
        InputError: If the file is missing, damaged or no index.
    """
    return Dataset(index_path)


BLOCK = 4096
"""Images that are looked at together."""


class Dataset:
    """Images by id, with labels, masks and splits; files are read when asked for. Can be pickled to loader workers.

    Args:
        index_path: The artifact of stage `index`.

    Attributes:
        name: Name of the data set's source.
        root: Folder of the files.
        class_names: Background first: `class_names[value]` names a mask's value. Without background, the first is
            `no background`, and no mask holds its value.
        category_ids: What the source of the data calls the classes 1, 2, ...; the same numbers unless it says others.
        ignore_index: Value of pixels that count for nothing.
        max_side: Longest side that networks see, but for snapping to their grid.
        reading: How photographs are read.
        label_source: Where the image-level labels come from.
        fingerprint: Digest of the data set, photographs included.

    Raises:
        InputError: If the file is missing, damaged or no index.
    """

    def __init__(self, index_path: str | Path) -> None:
        self.path = Path(index_path)
        self._index = IndexFile(self.path)
        attributes = self._index.attributes
        self._members = {name: rows for name, rows in self._index.members.items() if rows.size}
        self.root = Path(attributes["root"])
        self.class_names: tuple[str, ...] = tuple(attributes["class_names"])
        category_ids = attributes.get("category_ids") or range(1, len(self.class_names))
        self.category_ids: tuple[int | str, ...] = tuple(category_ids)
        self.ignore_index = int(attributes["ignore_index"])
        self.max_side = int(attributes["max_side"])
        self.reading = Reading.of(attributes)
        self.label_source = str(attributes["label_source"])
        self.name = str(attributes["data_name"])
        self.fingerprint = str(attributes["fingerprint"])

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and self._index.ids.row(image_id) is not None

    @property
    def background(self) -> bool:
        """Whether a pixel can be background; else every pixel belongs to a class, and no label map holds 0."""
        return has_background(self.class_names)

    @property
    def num_classes(self) -> int:
        """Number of classes without background."""
        return len(self.class_names) - 1

    @property
    def splits(self) -> list[str]:
        """The splits that hold images: `train`, and `val` where there is one."""
        return list(self._members)

    @property
    def num_images(self) -> int:
        """Number of images of all splits."""
        return len(self._index.ids)

    def ids(self, *splits: str) -> ImageIds:
        """Return the ids of the images of some splits, in the order of their lists.

        Raises:
            InputError: If there is no such split.
        """
        if len(splits) == 1:
            # no copy: an evaluation asks for several
            return ImageIds(self._index.ids, self._members_of(splits[0]))
        rows = [np.array([], np.uint32), *(self._members_of(split) for split in splits)]
        return ImageIds(self._index.ids, np.concatenate(rows))

    def rows(self, image_ids: np.ndarray | ImageIds) -> np.ndarray:
        """Return the rows of images in the index, by ids, (M,) bytes or `ImageIds`: (M,), -1 for what is not there."""
        all_ids = self._index.ids
        return image_ids.rows_in(all_ids) if isinstance(image_ids, ImageIds) else all_ids.rows(image_ids)

    def split_of(self, image_id: str) -> str:
        """Return the split of an image."""
        row = self._row(image_id)
        return next(
            split for split, rows in self._members.items() if rows[np.searchsorted(rows, row) % len(rows)] == row
        )

    def labels(self, split: str) -> np.ndarray:
        """Return the labels of a split, (N, C) uint8 multi-hot, ordered as `ids`; column c is class c + 1."""
        return self._index.labels(self._members_of(split))

    def class_images(self, split: str) -> np.ndarray:
        """Return how many images of a split show each class, (C,) int64; entry c is class c + 1."""
        rows, found = self._members_of(split), np.zeros(self.num_classes, np.int64)
        # all labels at once are a byte for each class and image
        for start in range(0, len(rows), BLOCK):
            found += self._index.labels(rows[start : start + BLOCK]).sum(axis=0, dtype=np.int64)
        return found

    def image_labels(self, image_id: str) -> np.ndarray:
        """Return the labels of one image, (C,) uint8 multi-hot."""
        return self._index.labels(self._row(image_id))

    def size(self, image_id: str) -> tuple[int, int]:
        """Return the height and width (H, W) of the photograph."""
        height, width = self._index.sizes[self._row(image_id)].tolist()
        return height, width

    def image(self, image_id: str) -> np.ndarray:
        """Read the photograph at its own size, (H, W, 3) uint8 RGB; of more bands, the first three.

        Raises:
            InputError: If the file is missing or damaged, or has changed since the index was written.
        """
        return self._whole_image(image_id)[..., :3]

    def network_size(self, image_id: str) -> tuple[int, int]:
        """Return height and width of the photograph as networks see it at scale 1, multiples of `grid.GRID`."""
        return snapped_size(bounded_size(self.size(image_id), self.max_side))

    def network_image(self, image_id: str) -> np.ndarray:
        """Read the photograph as networks see it at scale 1, (*network_size, C) uint8; C is `reading.channels`."""
        return resize_image(self.bounded_image(image_id), self.network_size(image_id))

    def bounded_image(self, image_id: str) -> np.ndarray:
        """Read the photograph in its own proportions, (h, w, C) uint8, scaled down to `max_side`."""
        if max(self.size(image_id)) <= self.max_side:
            return self._whole_image(image_id)
        self._index.stamps.check(self._row(image_id), self.image_path(image_id))
        return read_image(self.image_path(image_id), max_side=self.max_side, reading=self.reading)

    def photograph(self, image_id: str) -> Photograph:
        """Open the photograph to read parts of it.

        Raises:
            InputError: Where `image` does.
        """
        self._index.stamps.check(self._row(image_id), self.image_path(image_id))
        found = Photograph(self.image_path(image_id), self.reading)
        self._check_size(found.size, image_id, self.image_path(image_id))
        return found

    def unchanged_path(self, image_id: str) -> Path:
        """Return the path of the photograph, whose file is that which the index has seen, for what else it says.

        Raises:
            InputError: Where `image` does, but for damage of the pixels.
        """
        path = self.image_path(image_id)
        self._index.stamps.check(self._row(image_id), path)
        self._check_size(image_size(path, self.reading), image_id, path)
        return path

    def bounded_colours(self, image_id: str) -> np.ndarray:
        """Return what `bounded_image` does, of more bands the first three: (h, w, 3) uint8 RGB."""
        return self.bounded_image(image_id)[..., :3]

    def mask(self, image_id: str) -> np.ndarray | None:
        """Read the mask, (H, W) uint8 class numbers and `ignore_index`; return None where there is none.

        Raises:
            InputError: If the file is missing or damaged, or has changed since the index was written.
        """
        path = self.mask_path(image_id)
        if path is None:
            return self._drawn_mask(image_id)
        self._index.mask_stamps.check(self._row(image_id), path)
        mask = read_mask(path, most=self.reading.max_pixels, background=self.background)
        self._check_size(mask.shape, image_id, path)
        if has_unknown(mask, self.num_classes):
            raise InputError(f"{path}: holds values that are no class of {self.path}; build the index again")
        return mask

    def has_mask(self, image_id: str) -> bool:
        """Return whether the image has a mask."""
        return len(self._index.with_masks(np.array([self._row(image_id)]))) > 0

    def has_masks(self, split: str) -> bool:
        """Return whether any image of the split has a mask."""
        return len(self._index.with_masks(self._members_of(split))) > 0

    def masked_ids(self, split: str) -> ImageIds:
        """Return the ids of those images of a split that have a mask, in the order of its list."""
        return ImageIds(self._index.ids, self._index.with_masks(self._members_of(split)))

    def image_path(self, image_id: str) -> Path:
        """Return the path of the photograph."""
        return self.root / self._index.path_of(self._row(image_id))

    def mask_path(self, image_id: str) -> Path | None:
        """Return the path of the mask's file; None where there is none, also where the index holds the mask itself."""
        path = self._index.mask_path_of(self._row(image_id))
        return self.root / path if path else None

    def files(self) -> Iterator[str]:
        """Yield the paths of all photographs, then of all masks that are files."""
        # not by a `Path` of each: for each name in it, Python's table of names grows
        root = "" if self.root == Path() else str(self.root)
        return (os.path.join(root, path) for path in self._index.all_paths())  # noqa: PTH118

    def _whole_image(self, image_id: str) -> np.ndarray:
        self._index.stamps.check(self._row(image_id), self.image_path(image_id))
        image = read_image(self.image_path(image_id), reading=self.reading)
        self._check_size(image.shape[:2], image_id, self.image_path(image_id))
        return image

    def _drawn_mask(self, image_id: str) -> np.ndarray | None:
        digest = self._index.drawn(self._row(image_id))
        if digest is None:
            return None
        mask = self._index.same_file().read(DRAWN, image_id)
        self._check_size(mask.shape, image_id, self.path)
        if bytes_digest(mask.tobytes()) != digest:
            raise InputError(f"{self.path}: was built again while this ran; run the same command again")
        return mask

    def _members_of(self, split: str) -> np.ndarray:
        """Return the rows of a split."""
        if split not in self._members:
            raise InputError(f"{self.path}: has no split `{split}`, only {', '.join(self._members)}; correct the name")
        return self._members[split]

    def _row(self, image_id: str) -> int:
        row = self._index.ids.row(image_id)
        if row is None:
            meant = did_you_mean(image_id, self._index.ids)
            raise InputError(f"{self.path}: has no image `{image_id}`{meant or '; build the index again'}")
        return row

    def _check_size(self, size: tuple[int, ...], image_id: str, path: Path) -> None:
        if size != self.size(image_id):
            raise InputError(
                f"{path}: has another size than when {self.path} was written; build the index again with "
                f"`wsss run CONFIG {self.path}`"
            )
