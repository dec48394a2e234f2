"""Read the user's own saliency maps, from a folder of grey images."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsss.data.images import read_map
from wsss.data.reading import MAX_PIXELS
from wsss.errors import InputError

SUFFIX = ".png"

logger = logging.getLogger(__name__)


class SaliencyFolder:
    """The maps of a set of images, `ID.png` below a folder.

    Args:
        folder: The folder.
        image_ids: The images that must have a map.

    Raises:
        InputError: If the folder, or the map of any image, is missing.
    """

    def __init__(self, folder: str | Path, image_ids: Sequence[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"saliency.folder: no folder {self.folder}; give the folder that holds the maps")
        missing = [image_id for image_id in image_ids if not self.path(image_id).is_file()]
        if missing:
            raise InputError(
                f"saliency.folder: {len(missing)} of {len(image_ids)} images have no map, the first is "
                f"{self.path(missing[0])}; a map is named like its image, with suffix {SUFFIX}"
            )
        self._ids = list(image_ids)
        self._seen: set[str] = set()
        self._black = self._highest = 0

    def path(self, image_id: str) -> Path:
        """Return the path of an image's map."""
        return self.folder / f"{image_id}{SUFFIX}"

    def fingerprint(self) -> str:
        """Return a digest of the maps' names, sizes and times."""
        digest = hashlib.blake2b(digest_size=16)
        for image_id in sorted(self._ids):
            status = self.path(image_id).stat()
            digest.update(f"{image_id}|{status.st_size}|{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self, image_id: str, size: tuple[int, int]) -> np.ndarray:
        """Read the map of an image.

        Args:
            size: Height and width of the image.

        Returns:
            (H, W) uint8.

        Raises:
            InputError: If the map cannot be read or has another size than its image.
        """
        saliency = read_map(self.path(image_id), most=max(MAX_PIXELS, size[0] * size[1]))
        if saliency.shape != size:
            (height, width), (rows, columns) = size, saliency.shape
            raise InputError(
                f"{self.path(image_id)}: the map has {columns}x{rows} pixels, its image {width}x{height}; "
                "make the maps at the size of the images"
            )
        self._seen.add(image_id)
        highest = int(saliency.max(initial=0))
        self._black += highest == 0
        self._highest = max(self._highest, highest)
        return saliency

    def check_read(self) -> None:
        """Check that the maps are not all black: a lost palette or a scale of 0 to 1 looks like that.

        Where those read so far are, as those of a part of the images may be, look at the others.

        Raises:
            InputError: If no map has a value above 1.
        """
        others = (image_id for image_id in self._ids if image_id not in self._seen)
        while self._seen and self._highest <= 1 and (image_id := next(others, "")):
            self._highest = max(self._highest, int(read_map(self.path(image_id)).max(initial=0)))
        if not self._seen:
            return
        if self._highest <= 1:
            what = "are black" if self._highest == 0 else "hold no value above 1"
            raise InputError(
                f"{self.folder}: all {len(self._ids)} maps {what}; save them as grey images, 0 for background to 255 "
                "for salient (to 65535 with 16 bits)"
            )
        if 2 * self._black > len(self._seen):
            logger.warning(
                "%s: %d of %d maps are black, nothing is salient there; check how they were made",
                self.folder,
                self._black,
                len(self._seen),
            )
