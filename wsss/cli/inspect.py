"""Print the contents of an artifact on the terminal; write its layers of one image as PNG files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wsss.data.contents import LABEL_KINDS, problem_of
from wsss.errors import InputError
from wsss.label_values import IGNORE_INDEX, has_background
from wsss.ops.palette import indexed_picture
from wsss.outputs import OutputFolder
from wsss.pipeline.names import LABEL_STAGES
from wsss.progress import track
from wsss.protected import Inputs
from wsss.store import ArtifactReader, rebuild_hint


@dataclass
class CountedKind:
    """Counts over the images of one kind.

    Attributes:
        images: Number of images.
        looked_at: Number of images read.
        smallest: Shape of the smallest array, by its elements.
        largest: Shape of the largest array.
        pixels: (256,) pixels of each label value.
        images_of: Images in which each label value occurs.
        background_only: Images that hold background only.
        ignored_only: Images that are 255 everywhere.
        total: Sum of all values, for soft maps.
        elements: Number of all values.
        classes: Images that have a CAM of each class.
        empty: Images whose CAMs or saliency are 0 everywhere.
    """

    images: int = 0
    looked_at: int = 0
    smallest: tuple[int, ...] = ()
    largest: tuple[int, ...] = ()
    dtype: str = ""
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    images_of: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    background_only: int = 0
    ignored_only: int = 0
    total: float = 0.0
    elements: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    empty: int = 0

    @property
    def coverage(self) -> float:
        """Share of pixels that are not 255."""
        return float(1 - self.pixels[IGNORE_INDEX] / max(self.pixels.sum(), 1))


def inspect_artifact(path: Path, *, sample: int = 0) -> None:
    """Print attributes, kinds of arrays, class frequencies, coverage and sizes.

    Args:
        path: The artifact.
        sample: Read only so many images, evenly spaced; 0 reads all.

    Raises:
        InputError: If the file is missing or damaged.
    """
    console = Console(highlight=False)
    with ArtifactReader(path) as reader:
        _print_attributes(console, path, reader.attributes)
        names = reader.attributes.get("class_names") or []
        for kind in reader.kinds():
            counted = count(reader, kind, sample=sample)
            _print_kind(console, kind, counted, [str(name) for name in names])


def count(reader: ArtifactReader, kind: str, *, sample: int = 0) -> CountedKind:
    """Count over the images of a kind."""
    ids = reader.ids(kind)
    counted = CountedKind(images=len(ids))
    if sample and sample < len(ids):
        ids = [ids[place] for place in np.linspace(0, len(ids) - 1, sample).round().astype(int)]
    for image_id in track(ids, kind, len(ids)):
        array, attributes = _read(reader, kind, image_id)
        counted.looked_at += 1
        counted.dtype = str(array.dtype)
        if not counted.smallest or array.size < np.prod(counted.smallest):
            counted.smallest = array.shape
        if not counted.largest or array.size > np.prod(counted.largest):
            counted.largest = array.shape
        if kind in LABEL_KINDS:
            pixels = np.bincount(array.ravel(), minlength=256)
            counted.pixels += pixels
            counted.images_of += pixels > 0
            classes = pixels[1:IGNORE_INDEX].sum()
            counted.ignored_only += int(pixels[IGNORE_INDEX] == array.size)
            counted.background_only += int(classes == 0 and pixels[0] > 0)
        else:
            counted.total += float(array.sum(dtype=np.float64))
            counted.elements += array.size
            counted.empty += int(not array.size or array.max() <= 0)
            if kind == "cams":
                counted.classes.update(int(value) for value in attributes["classes"])
    return counted


def write_layers(path: Path, image_id: str, folder: Path, *, optional: bool = False) -> list[Path]:
    """Write all arrays that an artifact holds of an image as PNG files.

    Label maps are indexed, with VOC's palette. Saliency and CAMs are grey, CAMs one file per class.

    Args:
        path: The artifact.
        image_id: The image.
        folder: Where the files go.
        optional: Whether the artifact may have no array of this image.

    Returns:
        The files.

    Raises:
        InputError: If the artifact has nothing of this image; also, before anything is written, if a file lies there
            that this command did not write.
    """
    with ArtifactReader(path) as reader:
        pictures = dict(_layers(reader, image_id, folder))
        if not pictures and not optional:
            ids = reader.ids(reader.kinds()[0]) if reader.kinds() else []
            example = f"; it has {len(ids)}, the first is `{ids[0]}`" if ids else ""
            raise InputError(f"{path}: has no image `{image_id}`{example}")
    output = OutputFolder(folder, Inputs([path]))
    output.check(pictures)
    for target, picture in pictures.items():
        output.write_picture(target, picture, "PNG")
    return list(pictures)


def _layers(reader: ArtifactReader, image_id: str, folder: Path) -> Iterator[tuple[Path, Image.Image]]:
    """Yield the pictures of an image, each with its path."""
    names = reader.attributes.get("class_names") or []
    for kind in reader.kinds():
        if not reader.has(kind, image_id):
            continue
        array, attributes = _read(reader, kind, image_id)
        stem = f"{image_id.replace('/', '_')}.{kind}"
        if kind == "cams":
            for value, plane in zip(attributes["classes"], array.astype(np.float32), strict=True):
                name = str(names[value]) if int(value) < len(names) else str(value)
                grey = (plane.clip(0, 1) * 255).round().astype(np.uint8)
                yield folder / f"{stem}.{name.replace('/', '_')}.png", Image.fromarray(grey)
        else:
            yield folder / f"{stem}.png", indexed_picture(array) if kind in LABEL_KINDS else Image.fromarray(array)


def _read(reader: ArtifactReader, kind: str, image_id: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Read an array with its attributes, and check both as far as that needs no index."""
    array, attributes = reader.read_with_attributes(kind, image_id)
    names, refined = reader.attributes.get("class_names"), reader.attributes.get("stage") in LABEL_STAGES
    classes = len(names) - 1 if names else IGNORE_INDEX - 1
    background = not names or has_background(names)
    problem = problem_of(kind, array, attributes, num_classes=classes, background=background, refined=refined)
    if problem:
        raise InputError(f"{reader.path}: {kind} of `{image_id}` {problem}; {rebuild_hint(reader.path)}")
    return array, attributes


def _print_attributes(console: Console, path: Path, attributes: dict[str, Any]) -> None:
    table = Table(title=f"{path}  ({path.stat().st_size / 1e6:.1f} MB)", title_justify="left", box=box.SIMPLE_HEAD)
    table.show_header = False
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    order = (
        "stage",
        "run",
        "variant",
        "seed",
        "split",
        "model",
        "protocol",
        "created",
        "git_commit",
        "settings",
        "inputs",
    )
    rest = [name for name in sorted(attributes) if name not in (*order, "class_names")]
    for name in (*order, *rest, "class_names"):
        value = attributes.get(name, "")
        if value == "" or value == {}:
            continue
        if name == "class_names":
            beside = "and background" if has_background(value) else "without background"
            text = f"{len(value) - 1} {beside}: {', '.join(map(str, value[1:]))}"
        elif isinstance(value, dict):
            text = "\n".join(f"{key}: {json.dumps(item)}" for key, item in value.items())
        else:
            text = str(value)
        table.add_row(name, escape(text))
    console.print(table)


def _print_kind(console: Console, kind: str, counted: CountedKind, names: list[str]) -> None:
    looked = "" if counted.looked_at == counted.images else f", {counted.looked_at} looked at"
    console.print(f"[bold]{kind}[/bold]: {counted.images} images{looked}, {counted.dtype}", end="")
    sizes = (" x ".join(map(str, shape)) for shape in (counted.smallest, counted.largest))
    console.print(f", smallest {next(sizes)}, largest {next(sizes)}")
    if kind in LABEL_KINDS:
        _print_labels(console, counted, names)
        return
    scale = 255 if counted.dtype == "uint8" else 1
    mean = counted.total / max(counted.elements, 1) / scale
    console.print(f"  mean {mean:.3f}; {counted.empty} images are 0 everywhere")
    if counted.classes:
        shown = ((_name(value, names), number) for value, number in sorted(counted.classes.items()))
        console.print("  images per class: " + ", ".join(f"{name} {number}" for name, number in shown), markup=False)


def _print_labels(console: Console, counted: CountedKind, names: list[str]) -> None:
    console.print(
        f"  coverage {100 * counted.coverage:.1f} % (not 255); "
        + (f"{counted.background_only} images hold background only, " if has_background(names) else "")
        + f"{counted.ignored_only} images are 255 everywhere"
    )
    if counted.background_only + counted.ignored_only == counted.looked_at:
        console.print("  [yellow]no pixel of any class: look at the CAMs and at the thresholds that made this[/yellow]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("value", justify="right")
    table.add_column("class")
    table.add_column("pixels %", justify="right")
    table.add_column("images", justify="right")
    total = max(int(counted.pixels.sum()), 1)
    for value in np.flatnonzero(counted.pixels).tolist():
        share = 100 * counted.pixels[value] / total
        table.add_row(str(value), escape(_name(value, names)), f"{share:.2f}", str(counted.images_of[value]))
    console.print(table)
    missing = [name for value, name in enumerate(names) if value and not counted.pixels[value]]
    if missing:
        console.print(f"  never given: {', '.join(missing)}", style="yellow", markup=False)


def _name(value: int, names: list[str]) -> str:
    if value == IGNORE_INDEX:
        return "left out"
    return names[value] if value < len(names) else str(value)
