"""Label maps as outlines and brush strokes, for programs that draw them: YOLO and Label Studio."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import yaml

from wsss.data import Dataset
from wsss.exchange.layouts import Photographs
from wsss.exchange.sources import LabelMaps, write_photograph
from wsss.ops.palette import voc_palette
from wsss.outputs import OutputFolder
from wsss.progress import Progress

TOLERANCE = 0.4
"""Most that a point of an outline is moved by leaving out others, in pixels."""
RUN_BITS = (3, 4, 8, 16)
"""Widths of a run's length in Label Studio's brush."""
IGNORED = "ignored"


def export_yolo(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write `images/SPLIT`, `labels/SPLIT` and `data.yaml`, a data set of YOLO for segmentation.

    One line per connected area of a class: its number, counted without background, and its outline, x and y in [0, 1].
    Holes are joined to the outline by a cut. Pixels labelled 255 are background there, for YOLO has no others.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is.
    """
    root, names = output.folder, maps[0].dataset.class_names[1:]
    # without `path`, YOLO looks beside the file; it wants both splits
    table = {part.split: f"images/{part.split}" for part in maps}
    any_split = next(iter(table.values()))
    table = {split: table.get(split, any_split) for split in ("train", "val")}
    texts = {root / "data.yaml": yaml.safe_dump({**table, "names": dict(enumerate(names))}, sort_keys=False)}

    def lines(labels: np.ndarray) -> str:
        found = ((value, line) for value in range(1, len(names) + 1) for line in outlines(labels == value))
        size = np.array(labels.shape[::-1])
        return "".join(f"{value - 1} {_numbers(line / size)}\n" for value, line in found)

    _write(maps, output, photographs, texts, images="images", texts_of="labels", text=lines)
    return sum(len(part.ids) for part in maps)


def export_label_studio(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write `config.xml`, the labels of a project, and `SPLIT.json`, its tasks with predictions as brush strokes.

    Photographs lie in `images/SPLIT`; Label Studio finds them where it serves local files and
    LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT is the folder of the export.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is.
    """
    root, dataset = output.folder, maps[0].dataset
    tasks: dict[Path, list[Any]] = {root / f"{part.split}.json": [] for part in maps}
    places = {root / "config.xml": _label_studio_config(dataset)}
    _check(maps, output, photographs, [*tasks, *places], images="images")
    for part in maps:
        for image_id, labels in _each(part, output, photographs, images="images"):
            found = np.unique(labels[labels > 0]).tolist()
            strokes = [_stroke(labels == value, _name(dataset, value), image_id) for value in found]
            address = f"/data/local-files/?d=images/{part.split}/{image_id}.jpg"
            task = {"data": {"image": address, "id": image_id}}
            tasks[root / f"{part.split}.json"].append(
                {**task, "predictions": [{"model_version": "wsss", "result": strokes}]}
            )
    for path, content in tasks.items():
        output.write_text(path, json.dumps(content, ensure_ascii=False))
    for path, text in places.items():
        output.write_text(path, text)
    return sum(len(part.ids) for part in maps)


# -- shapes ------------------------------------------------------------------------------------------------------------


def outlines(mask: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the outline of every connected area of a mask (H, W) bool.

    It runs along the middle between pixels inside and outside; a hole is joined to it by a cut there and back.

    Yields:
        (P, 2) float64, x and y of its points in pixels; the upper left corner of the image is (0, 0).
    """
    from skimage.measure import approximate_polygon, find_contours, label, regionprops

    for region in regionprops(label(mask, connectivity=1)):
        top, left = region.bbox[:2]
        # with a border, so that every outline closes; centres of pixels lie half a pixel from their corners
        rings = [
            np.add(approximate_polygon(ring, TOLERANCE)[:-1], (top - 0.5, left - 0.5))
            for ring in find_contours(np.pad(region.image, 1).astype(np.float32), 0.5)
        ]
        rings = sorted((ring for ring in rings if len(ring) > 2), key=_area, reverse=True)
        if rings:
            yield _joined(rings)[:, ::-1].clip(0, mask.shape[::-1])


def brush(mask: np.ndarray) -> list[int]:
    """Encode a mask (H, W) bool as Label Studio's brush does: the bits of @thi.ng/rle-pack, as bytes.

    Each pixel is four equal values, 0 or 255.
    """
    flat = mask.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    parts = [f"{4 * flat.size:032b}", f"{7:05b}", *(f"{bits - 1:04b}" for bits in RUN_BITS)]
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        value, left = 255 * int(flat[start]), 4 * (end - start)
        while left:
            length = min(left, 2 ** RUN_BITS[-1])
            width = next(place for place, bits in enumerate(RUN_BITS) if length <= 2**bits)
            parts.append(f"1{width:02b}{length - 1:0{RUN_BITS[width]}b}{value:08b}")
            left -= length
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def _joined(rings: list[np.ndarray]) -> np.ndarray:
    """Join rings (P, 2) to one, each at the point that is nearest to what is joined already."""
    whole = rings[0]
    for ring in rings[1:]:
        distances = ((whole[:, None] - ring[None]) ** 2).sum(-1)
        at, of = np.unravel_index(distances.argmin(), distances.shape)
        there = np.concatenate([ring[of:], ring[: of + 1]])
        whole = np.concatenate([whole[: at + 1], there, whole[at:]])
    return whole


def _area(ring: np.ndarray) -> float:
    y, x = ring.T
    return abs(float((x * np.roll(y, 1) - y * np.roll(x, 1)).sum())) / 2


def _numbers(points: np.ndarray) -> str:
    return " ".join(f"{number:.6f}" for number in points.ravel().tolist())


# -- files -------------------------------------------------------------------------------------------------------------


def _write(
    maps: Sequence[LabelMaps],
    output: OutputFolder,
    photographs: Photographs,
    texts: dict[Path, str],
    *,
    images: str,
    texts_of: str,
    text: Callable[[np.ndarray], str],
) -> None:
    root = output.folder
    own = [root / texts_of / part.split / f"{image_id}.txt" for part in maps for image_id in part.ids]
    _check(maps, output, photographs, [*own, *texts], images=images)
    for part in maps:
        for image_id, labels in _each(part, output, photographs, images=images):
            output.write_text(root / texts_of / part.split / f"{image_id}.txt", text(labels))
    for path, content in texts.items():
        output.write_text(path, content)


def _check(
    maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs, files: list[Path], *, images: str
) -> None:
    copies = [output.folder / images / part.split / f"{image_id}.jpg" for part in maps for image_id in part.ids]
    copies = copies if photographs != "none" else []
    linked = photographs == "link"
    output.check([*files, *([] if linked else copies)], links=copies if linked else ())


def _each(
    part: LabelMaps, output: OutputFolder, photographs: Photographs, *, images: str
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the label maps of a split, after the photograph of each is written."""
    with Progress(f"export {part.split}", len(part.ids)) as progress:
        for image_id, labels in part:
            if photographs != "none":
                path = output.folder / images / part.split / f"{image_id}.jpg"
                write_photograph(output, path, part.dataset, image_id, link=photographs == "link")
            yield image_id, labels
            progress.advance()


def _name(dataset: Dataset, value: int) -> str:
    return IGNORED if value == dataset.ignore_index else dataset.class_names[value]


def _label_studio_config(dataset: Dataset) -> str:
    values = [*range(1, len(dataset.class_names)), dataset.ignore_index]
    labels = "".join(
        f'    <Label value={quoteattr(_name(dataset, value))} background="#{bytes(voc_palette()[value]).hex()}"/>\n'
        for value in values
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="labels" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )


def _stroke(mask: np.ndarray, name: str, image_id: str) -> dict[str, Any]:
    height, width = mask.shape
    about = {"id": f"{image_id}-{name}", "type": "brushlabels", "from_name": "labels", "to_name": "image"}
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    return {**about, **size, "value": {"format": "rle", "rle": brush(mask), "brushlabels": [name]}}
