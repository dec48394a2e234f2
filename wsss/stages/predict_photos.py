"""`wsss predict MODEL PHOTOS...`: write masks and overlays of photographs outside any data set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data.images import read_image
from wsss.errors import InputError
from wsss.ops.palette import indexed_picture, voc_palette
from wsss.outputs import OutputFolder
from wsss.parallel import map_in_threads
from wsss.progress import Progress
from wsss.protected import Inputs
from wsss.stages.photographs import MAX_SIDE, named_photographs
from wsss.stages.predictors import open_predictor

LEAST_BYTES = 512
"""What a mask with its palette, or an overlay with its tables, takes at the very least."""

logger = logging.getLogger(__name__)


def predict_photos(
    model: Path,
    photos: Sequence[Path],
    *,
    output: Path,
    protocol: Protocol | None = None,
    max_side: int = MAX_SIDE,
    context: RunContext = RunContext(),
) -> list[Path]:
    """Write `masks/NAME.png` (indexed, VOC palette) and `overlays/NAME.jpg` of every photograph.

    If a photograph cannot be read, the others still get their masks. The first such is named at the end.

    Args:
        model: Checkpoint of a network that predicts a segmentation, or such a network exported as ONNX.
        photos: Files, and folders. Of a folder every photograph is taken, but nothing hidden, nothing in its `results`,
            and nothing that this program wrote.
        output: Folder for the results; `masks/classes.txt` names the values.
        protocol: Scales, flip, CRF; None predicts once at the original scale.
        max_side: Longest side that the network sees, but for snapping to its grid. Results have the original size.

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
    classes, results = output / "masks" / "classes.txt", {name: _results(output, name) for name in named}
    places = (output / "masks", output / "overlays")
    folder.check([classes, *(path for pair in results.values() for path in pair)], alone=places, least=LEAST_BYTES)
    predictor = open_predictor(model, context)
    written: list[Path] = []
    unreadable: list[InputError] = []
    readable = _readable(named, unreadable)
    with Progress("predict photographs", len(named)) as progress:
        for name, labels in predictor.labels(readable, protocol, max_side):
            written.append(_write(folder, results[name], named[name], labels))
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


def _readable(named: dict[str, Path], unreadable: list[InputError]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield photographs by name, read one ahead of the network; errors go to `unreadable`."""
    for name, image in map_in_threads(_read, named.items(), workers=1, in_flight=2):
        if isinstance(image, InputError):
            unreadable.append(image)
        else:
            yield name, image


def _read(item: tuple[str, Path]) -> tuple[str, np.ndarray | InputError]:
    try:
        return item[0], read_image(item[1])
    except InputError as error:
        return item[0], error


def _results(output: Path, name: str) -> tuple[Path, Path]:
    """Return the paths of the mask and of the overlay of a photograph."""
    return output / "masks" / f"{name}.png", output / "overlays" / f"{name}.jpg"


def _write(folder: OutputFolder, paths: tuple[Path, Path], photo: Path, labels: np.ndarray) -> Path:
    mask, overlay = paths
    _save(folder, indexed_picture(labels), mask)
    _save(folder, Image.fromarray(_overlay(read_image(photo), labels)), overlay)
    return mask


def _overlay(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tint the classes of a photograph and dim its background a little: (H, W, 3) uint8."""
    tinted = (image.astype(np.uint16) * 2 + voc_palette()[labels].astype(np.uint16) * 3) // 5
    dimmed = image.astype(np.uint16) * 4 // 5
    return np.where((labels != 0)[..., None], tinted, dimmed).astype(np.uint8)


def _save(folder: OutputFolder, picture: Image.Image, path: Path) -> None:
    folder.write_picture(path, picture, Image.registered_extensions()[path.suffix])
