"""One look at every file of a data set: sizes, damage, classes in the masks, fingerprints."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from struct import Struct

import numpy as np

from wsss.checksums import DIGEST_BYTES, bytes_digest
from wsss.chunks import PackedArray, pack
from wsss.data.images import decoded_size, read_mask, unreadable
from wsss.data.index_file import DRAWN
from wsss.data.reading import PLAIN, Reading
from wsss.data.sources import ImageRecord, Listing
from wsss.data.sources.lists import TextList
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.label_values import BACKGROUND, IGNORE_INDEX, has_background
from wsss.parallel import map_in_threads
from wsss.progress import Progress
from wsss.scratch import ScratchTable

logger = logging.getLogger(__name__)

BLOCK = 64
"""Images whose contents are held in memory."""
IN_FLIGHT = 8
"""Images for each thread that are begun, or read and not yet taken."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The contents of the files of one image.

    Attributes:
        size: (H, W) of the photograph.
        digest: Hash of the photograph's bytes.
        mask_digest: Hash of the bytes of the mask's file, or of its pixels where it was drawn; zeros where there is
            none.
        classes: Numbers of the classes in the mask, without background and ignored pixels.
        stamps: Size in bytes and time in ns of the photograph, then of the mask (0 and 0 where there is none).
        drawn: The mask, compressed, where it was drawn.
    """

    size: tuple[int, int]
    digest: bytes
    mask_digest: bytes = bytes(DIGEST_BYTES)
    classes: tuple[int, ...] = ()
    stamps: tuple[int, int, int, int] = (0, 0, 0, 0)
    drawn: PackedArray | None = None


class Scans:
    """The contents of the files of all images, on the disk.

    Args:
        classes: How many classes there are, without background.

    Attributes:
        masks_show_class: Whether a mask shows any class.
        tables: Type and shape of a row of each table: sizes int32 (2,), (H, W) of the photograph; content uint8 (16,),
            its hash; mask_content likewise, of the mask; stamps int64 (4,), bytes and time in ns of the photograph,
            then of the mask; labels uint8 (C,), the labels of the image, or the classes in its mask: column c is class
            c + 1.
    """

    def __init__(self, classes: int) -> None:
        hashes = (np.uint8, (DIGEST_BYTES,))
        self.masks_show_class = False
        self.tables: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
            "sizes": (np.int32, (2,)),
            "content": hashes,
            "mask_content": hashes,
            "stamps": (np.int64, (4,)),
            "labels": (np.uint8, (classes,)),
        }
        self._row = np.dtype([(name, *kind) for name, kind in self.tables.items()])
        self._pack = Struct(f"=2i{DIGEST_BYTES}s{DIGEST_BYTES}s4q{classes}s").pack
        # a row of the table on the disk holds many images: it takes microseconds
        self._stored, self._block, self._count = ScratchTable("block"), bytearray(), 0

    def __len__(self) -> int:
        return self._count

    def add(self, record: ImageRecord, scan: Scan) -> None:
        """Take over what was found of the next image."""
        labels = bytearray(self._row["labels"].itemsize)
        for number in _shown(record, scan):
            labels[number - 1] = 1
        self._block += self._pack(*scan.size, scan.digest, scan.mask_digest, *scan.stamps, labels)
        self.masks_show_class |= bool(scan.classes)
        self._count += 1
        if self._count % BLOCK == 0:
            self._stored.append(bytes(self._block))
            self._block.clear()

    def blocks(self, table: str) -> Iterator[np.ndarray]:
        """Yield a table in blocks of rows, (n, ...) as `tables` says."""
        for (content,) in self._stored.rows("block"):
            yield np.frombuffer(content, self._row)[table]
        yield np.frombuffer(bytes(self._block), self._row)[table]


def scan_images(
    listing: Listing,
    *,
    workers: int = 0,
    keep: Callable[[PackedArray], None] = lambda mask: None,
    reading: Reading = PLAIN,
) -> Scans:
    """Decode every photograph and mask, in the order of the records.

    Args:
        keep: Takes each mask that was drawn; none stays in memory.
        reading: How photographs are read.
        workers: Threads beside the main one (decoders release the interpreter lock); 0 works in the main one.

    Raises:
        InputError: For the first image, in that order, that is damaged or whose mask does not fit; without background
            also for one that is to train on and shows no class. All are looked at; the message counts the others, and
            the log names them.
    """
    scans = Scans(len(listing.class_names) - 1)
    problems = TextList()
    # raised before the progress ends, which would say that all is done
    with Progress("index", len(listing.records)) as progress:
        for record, result in _results(listing, workers, reading):
            if isinstance(result, Scan):
                if result.drawn is not None and not problems:
                    keep(result.drawn)
                scans.add(record, result)
            else:
                # an error itself holds all that was read when it was raised
                problems.append(str(result))
            progress.advance()
        _raise_first(problems)
        _check_any_class(listing, scans)
    return scans


def _results(listing: Listing, workers: int, reading: Reading) -> Iterator[tuple[ImageRecord, Scan | InputError]]:
    def scan(record: ImageRecord) -> tuple[ImageRecord, Scan | InputError]:
        try:
            found = _scan(listing, record, reading)
            _check_shows_class(listing, record, found)
            return record, found
        except InputError as error:
            return record, error

    if workers < 1:
        yield from map(scan, listing.records)
    else:
        yield from map_in_threads(scan, listing.records, workers=workers, in_flight=IN_FLIGHT * workers)


def _raise_first(problems: Sequence[str]) -> None:
    for problem in islice(problems, 1, None):
        logger.info("%s", problem, extra={"log_only": True})
    if problems:
        more = f" (and {len(problems) - 1} more such images, --log FILE names all)" if len(problems) > 1 else ""
        raise InputError(f"{problems[0]}{more}")


def _scan(listing: Listing, record: ImageRecord, reading: Reading) -> Scan:
    num_classes = len(listing.class_names) - 1
    path = listing.root / record.image
    content, stamp = _read(path)
    size = decoded_size(path, content, reading)
    if listing.masks is not None and record.image_id in listing.masks:
        mask = listing.masks.draw(record.image_id, size)
        if not has_background(listing.class_names):
            # outlines leave open what lies between them
            mask = np.where(mask == BACKGROUND, np.uint8(IGNORE_INDEX), mask)
        digests = bytes_digest(content), bytes_digest(mask.tobytes())
        packed = pack(DRAWN, record.image_id, mask)
        return Scan(size, *digests, _classes(mask, num_classes), (*stamp, 0, 0), packed)
    if not record.mask:
        return Scan(size, bytes_digest(content), stamps=(*stamp, 0, 0))
    mask_path = listing.root / record.mask
    mask_content, mask_stamp = _read(mask_path)
    background = has_background(listing.class_names)
    mask = read_mask(mask_path, mask_content, most=reading.max_pixels, background=background)
    if mask.shape != size:
        raise InputError(
            f"{mask_path}: the mask has {_pixels(mask.shape)}, but its image {path.name} has {_pixels(size)}; "
            "make one as large as the other"
        )
    unknown = np.unique(mask[(mask > num_classes) & (mask < IGNORE_INDEX)])
    if unknown.size:
        raise InputError(
            f"{mask_path}: the mask holds the value {unknown[0]}, but the classes end at {num_classes} "
            f"(0 is background, {IGNORE_INDEX} is ignored); correct the mask or the classes"
        )
    if not background and not mask.all():
        raise InputError(
            f"{mask_path}: the mask holds the value 0, but `data.background` is false, so that every pixel is of a "
            f"class; write the classes as 1 to {num_classes} and pixels of unknown class as {IGNORE_INDEX}"
        )
    digests = bytes_digest(content), bytes_digest(mask_content)
    return Scan(size, *digests, _classes(mask, num_classes), (*stamp, *mask_stamp))


def _classes(mask: np.ndarray, num_classes: int) -> tuple[int, ...]:
    """Return the numbers of the classes in a mask (H, W)."""
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    return tuple(int(value) for value in values if 0 < value <= num_classes)


def _shown(record: ImageRecord, scan: Scan) -> tuple[int, ...]:
    """Return the classes of an image: its labels, or those in its mask."""
    return scan.classes if record.labels is None else record.labels


def _check_shows_class(listing: Listing, record: ImageRecord, scan: Scan) -> None:
    """Refuse an image to train on whose pixels could be of no class at all."""
    if record.split == "train" and not _shown(record, scan) and not has_background(listing.class_names):
        raise InputError(
            f"{listing.root / record.image}: is to train on and shows no class, but `data.background` is false, so "
            "that every pixel is of a class; label it, or leave it out"
        )


def _check_any_class(listing: Listing, scans: Scans) -> None:
    """Refuse masks of 0 and 255 alone, as many tools write them: all objects would count as ignored."""
    if scans.masks_show_class:
        return
    masks = filter(None, listing.records.masks)
    if first := next(masks, ""):
        raise InputError(
            f"{listing.root / first}: this mask and all {sum(1 for _ in masks)} others hold no class, only background "
            f"(0) or ignored ({IGNORE_INDEX}); write the classes as 1 to {len(listing.class_names) - 1}"
        )


def _read(path: Path) -> tuple[bytes, tuple[int, int]]:
    """Read a file; return its bytes, and its size and time as they were when it was opened."""
    try:
        check_regular(path)
        with path.open("rb") as handle:
            status = os.fstat(handle.fileno())
            return handle.read(), (status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise unreadable(path, error) from None


def _pixels(size: Sequence[int]) -> str:
    return f"{size[1]} x {size[0]} pixels"
