"""Write a config to start from: what a folder of photographs holds, and what is odd about it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from wsss.config.data import AnyData, FolderData
from wsss.config.loading import run_name
from wsss.data.looks import Look, look_at
from wsss.data.sources import Listing, list_images
from wsss.data.sources.recognize import recognize
from wsss.files import write_text
from wsss.outputs import check_target
from wsss.pipeline.artifact import SPLITS
from wsss.pipeline.stages import METHODS
from wsss.protected import Inputs

FEW = 10
"""Training images of a class below which its CAMs are worth little. Inferred."""
LOOKED_AT = 300
"""Photographs that are looked at, evenly spread."""
LARGE = 2
"""Times the size that networks see from which on tiles are mentioned. Inferred."""
MOST = 32768
"""Largest `data.max_side`."""
HELD_OUT = 0.2


def write_starter(folder: Path, output: Path) -> None:
    """Look at a folder of photographs and write a commented config for it.

    Args:
        folder: The photographs, with image-level labels in one of the ways of docs/datasets.md.
        output: File to write. What lies there stays, unless it is the same text.

    Raises:
        InputError: If the folder says no labels, they are wrong, or another file lies there.
    """
    settings = recognize(folder)
    listing = list_images(settings)
    held_out = not any(record.split == "val" for record in listing.records) and len(listing.records) > 1
    if held_out:
        settings = settings.model_copy(update={"val_from_train": HELD_OUT})
        listing = list_images(settings)
    step = -(-len(listing.records) // LOOKED_AT)
    look = look_at([listing.root / record.image for record in listing.records[::step]])
    settings = settings.model_copy(update=look.settings)
    text = starter(settings, listing, output, look, held_out=held_out)
    check_target(output, Inputs(), lambda path: _says(path, text), foreign="says something else than would be written")
    write_text(output, text)


def _says(path: Path, text: str) -> bool:
    """Tell whether a file, and no link, holds this text."""
    try:
        return not path.is_symlink() and path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def starter(settings: AnyData, listing: Listing, output: Path, look: Look, *, held_out: bool = False) -> str:
    """Return the text of the config.

    Args:
        settings: Of the data.
        listing: Its images.
        output: Name of the file, for the commands in it.
        look: What some of its photographs hold.
        held_out: Whether `val` is taken from the training images.
    """
    images = Counter(record.split for record in listing.records)
    classes = len(listing.class_names) - 1
    lines = [
        f"# {len(listing.records)} photographs of {classes} {'class' if classes == 1 else 'classes'} ({_sizes(look)}), "
        f"{images['train']} to train on, {images['val']} to validate by.",
        f"# Image-level labels: {listing.label_source}.",
        "#",
        f"#   wsss check {shlex.quote(str(output))}          # says what is wrong, and which saliency will be taken",
        f"#   wsss run {shlex.quote(str(output))}",
        "#",
        *_class_table(listing),
    ]
    if odd := [*_odd_labels(listing, held_out=held_out), *look.odd, *_odd_sizes(look)]:
        lines += ["#", "# Look at these:", *(f"# - {text}" for text in odd)]
    chosen = settings.model_dump(mode="json", exclude_defaults=True)
    data: dict[str, Any] = {"name": settings.name, **chosen}
    body = yaml.safe_dump({"run": run_name(output.stem), "data": data}, sort_keys=False, allow_unicode=True, width=110)
    comments = (line.replace("\n", " ") for line in lines)
    return "\n".join([*comments, body.rstrip(), *_further(settings, look)]) + "\n"


def _class_table(listing: Listing) -> Iterator[str]:
    """Yield the images of each class by split."""
    counts = {split: _counts(listing, split) for split in SPLITS}
    if not any(counts.values()):
        return
    width = max(map(len, ("class", *listing.class_names[1:])))
    yield f"# {'class':{width}}  " + "  ".join(f"{split:>6}" for split in SPLITS)
    for number, name in enumerate(listing.class_names[1:], start=1):
        yield f"# {name:{width}}  " + "  ".join(f"{counts[split][number]:6}" for split in SPLITS)


def _counts(listing: Listing, split: str) -> Counter[int]:
    """Count the images of each class; those whose labels are in masks count as none."""
    return Counter(number for record in listing.records if record.split == split for number in record.labels or ())


def _odd_labels(listing: Listing, *, held_out: bool) -> Iterator[str]:
    """Yield what is unusual about labels and splits."""
    records = [record for record in listing.records if record.split == "train"]
    counts = _counts(listing, "train")
    names = dict(enumerate(listing.class_names))
    if held_out:
        count = len(listing.records)
        held = f"val_from_train: {HELD_OUT} holds out {count - len(records)} of {count}"
        yield f"no image is in val, so {held} by their names"
    if rare := [f"{names[number]} ({counts[number]})" for number in names if number and counts[number] < FEW]:
        yield f"classes with fewer than {FEW} training images: {', '.join(rare)}; add images, or leave them out"
    if everywhere := [names[number] for number in names if records and counts[number] == len(records)]:
        yield f"in every training image: {', '.join(everywhere)}; a classifier learns nothing about what is everywhere"
    if bare := sum(record.labels == () for record in records):
        yield f"{bare} training images show no class, all of them background"
    if not any(record.mask for record in listing.records) and listing.masks is None:
        yield "there are no masks, so results are shown and not measured; a few dozen for val suffice"


def _sizes(look: Look) -> str:
    """Say how large the photographs are."""
    if not look.sizes:
        return "none could be opened"
    height, width = (round(median(lengths)) for lengths in zip(*look.sizes, strict=True))
    return f"about {width} x {height} px"


def _odd_sizes(look: Look) -> Iterator[str]:
    sides = sorted(map(max, look.sizes))
    if sides and sides[-1] > 4 * sides[0]:
        yield f"long sides from {sides[0]} to {sides[-1]} px: objects differ as much in size"


def _further(settings: AnyData, look: Look) -> Sequence[str]:
    """Return settings that are worth a thought, as comments."""
    lines = [
        "",
        "# Saliency decides most. A small pretrained network is taken if its weights can be had; a larger one:",
        "# saliency: {model: u2net}",
        "# Without a method, a network learns from the first pseudo labels. Methods mend these first, for more time:",
        *(f"# - {method.name}: {method.summary}" for method in METHODS.values()),
        f"# methods: [{next(iter(METHODS))}]",
        "# Where every pixel is of a class and none is background (land cover, tissue): `background: false` in data",
    ]
    longest = max(map(max, look.sizes), default=0)
    if longest > LARGE * settings.max_side:
        lines += [
            f"# Networks see photographs at {settings.max_side} px; the largest have {longest}. For small objects,",
            "# train on crops of full size and predict in tiles, which takes more time:",
            f"# set max_side: {min(longest, MOST)} in data above, and",
            "# cams: {tiles: {side: 1024}}",
            "# predict: {protocols: {single: {tiles: {side: 1024}}}}",
        ]
    if isinstance(settings, FolderData) and settings.masks is None:
        lines += ["# Masks (indexed PNGs or TIFFs, named like the photographs) go into data.masks"]
    return lines
