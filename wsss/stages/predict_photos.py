"""`wsss predict MODEL PHOTOS...`: write masks and overlays of photographs outside any data set."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data.georeference import Georeference, georeferences, geotiff
from wsss.data.images import LARGEST, image_size, read_image
from wsss.data.reading import MAX_PIXELS, Reading
from wsss.data.windows import STRIP, Photograph, parted
from wsss.errors import InputError
from wsss.ops.palette import indexed_picture, voc_palette
from wsss.outputs import OutputFolder
from wsss.parallel import map_in_threads
from wsss.progress import Progress
from wsss.protected import Inputs
from wsss.stages.photographs import MAX_SIDE, named_photographs, seen_size
from wsss.stages.predictors import Predictor, open_predictor

LEAST_BYTES = 512
"""What a mask with its palette, or an overlay with its tables, takes at the very least."""
_PNG, _TIFF = ".png", ".tif"

logger = logging.getLogger(__name__)


def predict_photos(
    model: Path,
    photos: Sequence[Path],
    *,
    output: Path,
    protocol: Protocol | None = None,
    max_side: int | None = None,
    georeference: bool = True,
    context: RunContext = RunContext(),
) -> list[Path]:
    """Write `masks/NAME.png` (indexed, VOC palette) and `overlays/NAME.jpg` of every photograph.

    The mask of a GeoTIFF is `masks/NAME.tif`, a GeoTIFF of the same place, where rasterio is installed. A mask of the
    other form that an earlier call wrote is removed.

    If a photograph cannot be read, the others still get their masks. The first such is named at the end.

    Args:
        model: Checkpoint of a network that predicts a segmentation, or such a network exported as ONNX.
        photos: Files, and folders. Of a folder every photograph is taken, but nothing hidden, nothing in its `results`,
            and nothing that this program wrote.
        output: Folder for the results; `masks/classes.txt` names the values.
        protocol: Scales, flip, CRF; None predicts once at the original scale.
        max_side: Longest side that the network sees, but for snapping to its grid. Results have the original size.
            None: 1024, or any with tiles, which bound what it sees at a time.
        georeference: Whether masks of GeoTIFFs are GeoTIFFs; else they are PNGs as all others.

    Returns:
        The masks, in the order of the photographs.

    Raises:
        InputError: If a photograph is missing, if two have the same name, or if the checkpoint cannot be read; if a
            result would replace an input or anything else that no prediction wrote, or lie beside other masks. Also,
            after the others are done, if photographs could not be read (the message names the first, the log all).
    """
    protocol = protocol or Protocol()
    named = named_photographs(photos)
    folder = OutputFolder(output, Inputs([model, *named.values()], [path for path in photos if path.is_dir()]))
    placed = georeferences(named) if georeference else {}
    classes, results = output / "masks" / "classes.txt", {name: _results(output, name, placed) for name in named}
    places = (output / "masks", output / "overlays")
    folder.check([classes, *(path for pair in results.values() for path in pair)], alone=places, least=LEAST_BYTES)
    predictor = open_predictor(model, context)
    written: list[Path] = []
    unreadable: list[InputError] = []
    max_side = max_side or (MAX_SIDE if protocol.tiles is None else LARGEST)
    reading = replace(predictor.reading, max_pixels=MAX_PIXELS if protocol.tiles is None else LARGEST)
    whole, large = _parted(named, reading, protocol, max_side)
    labels_of_whole = predictor.labels(_readable(whole, unreadable, reading), protocol, max_side)
    labels_of_large = _tiled(predictor, large, unreadable, reading, protocol, max_side)
    with Progress("predict photographs", len(named)) as progress:
        for name, labels in chain(labels_of_whole, labels_of_large):
            mask, overlay = results[name]
            _write_mask(folder, mask, labels, placed.get(name))
            # of an earlier run that gave masks the other form; two masks of one photograph would contradict each other
            folder.remove(mask.with_suffix(_PNG if name in placed else _TIFF))
            _save(folder, _overlay(Photograph(named[name], reading).colours, labels), overlay)
            written.append(mask)
            progress.advance()
        if written:
            folder.write_text(classes, "\n".join(predictor.class_names) + "\n")
        _raise_about(unreadable, output, len(written))
    return written


def _raise_about(unreadable: Sequence[InputError], output: Path, written: int) -> None:
    """Fail if a photograph could not be read: one line for the person, all of them in the log."""
    if unreadable:
        for problem in unreadable[1:]:
            logger.error("%s", problem, extra={"log_only": True})
        more = f" (and {len(unreadable) - 1} more such photographs; --log FILE names all)" if unreadable[1:] else ""
        others = f"the other {written} are done, in {output}" if written else "nothing is written"
        raise InputError(f"{unreadable[0]}{more}; {others}")


def _readable(
    named: dict[str, Path], unreadable: list[InputError], reading: Reading
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield photographs by name, read one ahead of the network; errors go to `unreadable`."""
    for name, image in map_in_threads(partial(_read, reading), named.items(), workers=1, in_flight=2):
        if isinstance(image, InputError):
            unreadable.append(image)
        else:
            yield name, image


def _parted(
    named: dict[str, Path], reading: Reading, protocol: Protocol, max_side: int
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Divide photographs into those that are seen whole and those that are seen in tiles, by what their files say."""
    if protocol.tiles is None:
        return named, {}

    def size_of(name: str) -> tuple[int, int]:
        try:
            return seen_size(image_size(named[name], reading), max_side)
        except InputError:
            return 0, 0  # whoever reads it says why it cannot

    whole, large = parted(protocol.tiles, list(named), size_of)
    return {name: named[name] for name in whole}, {name: named[name] for name in large}


def _tiled(
    predictor: Predictor,
    named: dict[str, Path],
    unreadable: list[InputError],
    reading: Reading,
    protocol: Protocol,
    max_side: int,
) -> Iterator[tuple[str, np.ndarray]]:
    """Segment large photographs one after the other, in tiles; what cannot be read goes to `unreadable`."""
    for name, path in named.items():
        try:
            photograph = Photograph(path, reading)
        except InputError as error:
            unreadable.append(error)
            continue
        labels = predictor.tiled_labels(photograph, protocol, max_side)
        # two large photographs would be in memory while the next is read, and for the overlay
        del photograph
        yield name, labels


def _read(reading: Reading, item: tuple[str, Path]) -> tuple[str, np.ndarray | InputError]:
    try:
        return item[0], read_image(item[1], reading=reading)
    except InputError as error:
        return item[0], error


def _results(output: Path, name: str, placed: Container[str]) -> tuple[Path, Path]:
    """Return the paths of the mask and of the overlay of a photograph."""
    return output / "masks" / f"{name}{_TIFF if name in placed else _PNG}", output / "overlays" / f"{name}.jpg"


def _write_mask(folder: OutputFolder, path: Path, labels: np.ndarray, place: Georeference | None) -> None:
    if place is None:
        _save(folder, indexed_picture(labels), path)
    else:
        folder.write_bytes(path, geotiff(labels, place, voc_palette()))


def _overlay(picture: Image.Image, labels: np.ndarray) -> Image.Image:
    """Tint the classes of a photograph and dim its background a little, in place, a strip at a time."""
    for start in range(0, picture.height, STRIP):
        part = labels[start : start + STRIP]
        pixels = np.asarray(picture.crop((0, start, picture.width, start + len(part)))).astype(np.uint16)
        tinted = (pixels * 2 + voc_palette()[part].astype(np.uint16) * 3) // 5
        blended = np.where((part != 0)[..., None], tinted, pixels * 4 // 5).astype(np.uint8)
        picture.paste(Image.fromarray(blended), (0, start))
    return picture


def _save(folder: OutputFolder, picture: Image.Image, path: Path) -> None:
    folder.write_picture(path, picture, Image.registered_extensions()[path.suffix])
