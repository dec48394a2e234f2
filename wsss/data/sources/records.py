"""The listing that every source of data returns, and the checks that all sources share."""

from __future__ import annotations

import difflib
import posixpath
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wsss.config.data import DataSettings
from wsss.data.sources.image_records import ImageRecord, ImageRecords, Splits
from wsss.data.sources.lists import TextList
from wsss.errors import InputError

if TYPE_CHECKING:
    import numpy as np

MAX_CLASSES = 254
BACKGROUND = "background"


class DrawnMasks(Protocol):
    """Masks that lie in no file of their own: the index draws them once, and keeps them."""

    def __contains__(self, image_id: object) -> bool:
        """Return whether the image has a mask."""

    def draw(self, image_id: str, size: tuple[int, int]) -> np.ndarray:
        """Draw the mask of a photograph of this size (H, W): (H, W) uint8. Several threads may call it at once.

        Raises:
            InputError: If its outlines are damaged, or of another size.
        """


@dataclass(frozen=True)
class Listing:
    """A whole data set, before any image has been opened.

    Attributes:
        name: Name of the source.
        root: Folder that the paths are relative to.
        class_names: Background first, so that a mask's value is an index.
        records: The images, train first, in the order of the lists.
        label_source: Where the image-level labels come from, for provenance.
        masks: Masks that are to be drawn; None where all masks are files.
        category_ids: What the source calls its classes, without background; empty: 1, 2, 3, ...
    """

    name: str
    root: Path
    class_names: tuple[str, ...]
    records: ImageRecords
    label_source: str
    masks: DrawnMasks | None = None
    category_ids: tuple[int | str, ...] = ()


def make_listing(
    *,
    name: str,
    root: Path,
    classes: Sequence[str],
    splits: Mapping[str, str],
    images: Callable[[str], str],
    masks: Callable[[str], str],
    labels: Callable[[str], Iterable[int] | None],
    label_source: str,
    drawn: DrawnMasks | None = None,
    category_ids: Sequence[int | str] = (),
) -> Listing:
    """Make a listing of the images in `splits` (id -> split).

    Args:
        classes: Names without background.
        images: Returns the path of a photograph, by id: relative to the root, or absolute.
        masks: Returns the path of its mask likewise; empty where it has none.
        labels: Returns its class numbers; None takes them from the mask.
        drawn: Masks that are to be drawn.
        category_ids: What the source calls its classes; empty: 1, 2, 3, ...

    Raises:
        InputError: If ids clash, or labels are to come from a mask that is not there.
    """
    check_nesting(splits)
    records = ImageRecords()
    missing, first = 0, ""
    for image_id, split in splits.items():
        mask, own = masks(image_id), labels(image_id)
        if own is None and not mask:
            missing, first = missing + 1, first or image_id
        found = None if own is None else tuple(sorted(own))
        records.append(ImageRecord(image_id, images(image_id), mask, found, split))
    if missing:
        raise InputError(
            f"{root}: image `{first}` has no mask to take its labels from ({missing} in all); "
            "add the masks or take the labels from elsewhere"
        )
    names = (BACKGROUND, *classes)
    return Listing(name, root.absolute(), names, records, label_source, drawn, tuple(category_ids))


def choose_splits(settings: DataSettings, train: Collection[str], val: Collection[str]) -> Splits:
    """Choose the split of every used image (id -> split), train first, by `val_from_train` and `limit`.

    Whether an image is held out depends on its id alone, so other images can come and go. Where the share rounds to
    none or to all of them, one image is moved, so that neither split is empty.
    """
    share = settings.val_from_train
    if share > 0 and len(train) > 1:
        first, last = min(train, key=_position), max(train, key=_position)

        def held_out(image_id: str) -> bool:
            return image_id == first or (image_id != last and _position(image_id) < share)

        val = TextList(filter(held_out, train))
        train = TextList(image_id for image_id in train if not held_out(image_id))
    return Splits(islice(train, settings.limit), islice(val, settings.limit))


def check_id(name: str, where: str) -> None:
    """Refuse names that cannot name an image in an artifact.

    Raises:
        InputError: For absolute paths, `..`, empty parts, control characters, and names that are not Unicode.
    """
    why = ""
    if name.startswith("/"):
        why = "an absolute path"
    elif any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        why = "control characters or bytes that are not UTF-8 in it"
    elif any(part in ("", ".", "..") for part in name.split("/")):
        why = "a path with `..`, `.` or an empty part"
    if why:
        raise InputError(f"{where}: {name!a} cannot name an image ({why}); rename it")


def check_nesting(image_ids: Mapping[str, object]) -> None:
    """Refuse an id that is also a folder of another: an artifact has room for only one of them.

    Raises:
        InputError: Naming both.
    """
    last = ""
    for image_id in image_ids:
        parent = posixpath.dirname(image_id)
        if parent == last:
            continue
        last = parent
        while parent:
            if parent in image_ids:
                raise InputError(
                    f"images `{parent}` and `{image_id}` clash: one is named like the folder of the other; "
                    "rename the image or the folder"
                )
            parent = posixpath.dirname(parent)


def check_classes(names: Sequence[str], where: str) -> None:
    """Check class names without background.

    Raises:
        InputError: If there are none, too many, one twice, one without a name, or one named `background`.
    """
    if not names:
        raise InputError(f"{where}: no class at all; every image would be background")
    if len(names) > MAX_CLASSES:
        raise InputError(
            f"{where}: {len(names)} classes, but at most {MAX_CLASSES} are possible "
            "(a mask's pixel is one byte: 0 is background, 255 is ignored); merge or drop some"
        )
    for number, name in enumerate(names):
        if not name.strip():
            raise InputError(f"{where}: class {number + 1} has an empty name; give it one")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            raise InputError(f"{where}: {name!a} is no name of a class; write one, without control characters")
        if name in names[:number]:
            raise InputError(f"{where}: class `{name}` is there twice; remove one")
    if BACKGROUND in names:
        raise InputError(
            f"{where}: `{BACKGROUND}` is no class of its own, it is everywhere; an image without a class has no label"
        )


def class_number(name: str, classes: Mapping[str, int], where: str) -> int:
    """Return the number of a class, from 1 on.

    Raises:
        InputError: If there is no such class, naming the nearest.
    """
    if name not in classes:
        raise InputError(f"{where}: unknown class `{name}`{nearest(name, classes)}")
    return classes[name]


def nearest(name: str, candidates: Iterable[str]) -> str:
    """End a message about an unknown name with the candidate that was probably meant."""
    names = list(candidates)
    meant = did_you_mean(name, names)
    if meant:
        return meant
    return f": one of {', '.join(names)} is expected" if 0 < len(names) <= 21 else "; correct the name or remove it"


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return `: did you mean ...?` with the nearest candidate, empty where none is near."""
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f": did you mean `{close[0]}`?" if close else ""


def _position(image_id: str) -> float:
    """Give an id a number in [0, 1) that never changes."""
    return int.from_bytes(blake2b(image_id.encode(), digest_size=8).digest()) / 2**64
