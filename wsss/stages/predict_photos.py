"""`wsss predict MODEL PHOTOS...`: write masks and overlays of photographs outside any data set."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data.images import bounded_size, read_image, resize_image
from wsss.data.sources.files import walk_pictures
from wsss.errors import InputError
from wsss.grid import snapped_size
from wsss.models.network import SegmentationNetwork
from wsss.ops.palette import indexed_picture, voc_palette
from wsss.outputs import OutputFolder
from wsss.parallel import map_in_threads
from wsss.progress import Progress
from wsss.protected import PICTURES, Inputs
from wsss.record import WrittenBelow
from wsss.stages.forward import Forward
from wsss.stages.inference import resolve_device
from wsss.stages.predictor import load_segmentation_network
from wsss.stages.segmentation import Scores, finish, network_probabilities

LEAST_BYTES = 512
"""What a mask with its palette, or an overlay with its tables, takes at the very least."""

logger = logging.getLogger(__name__)


def predict_photos(
    model: Path,
    photos: Sequence[Path],
    *,
    output: Path,
    protocol: Protocol | None = None,
    max_side: int = 1024,
    context: RunContext = RunContext(),
) -> list[Path]:
    """Write `masks/NAME.png` (indexed, VOC palette) and `overlays/NAME.jpg` of every photograph.

    If a photograph cannot be read, the others still get their masks. The first such is named at the end.

    Args:
        model: Checkpoint of a network that predicts a segmentation.
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
    named = _names(photos)
    folder = OutputFolder(output, Inputs([model, *named.values()], [path for path in photos if path.is_dir()]))
    classes, results = output / "masks" / "classes.txt", {name: _results(output, name) for name in named}
    places = (output / "masks", output / "overlays")
    folder.check([classes, *(path for pair in results.values() for path in pair)], alone=places, least=LEAST_BYTES)
    device = resolve_device(context)
    network, class_names = load_segmentation_network(model, device)
    written: list[Path] = []
    unreadable: list[InputError] = []
    forward = Forward(device, context)
    scores = _scores(network, _readable(named, unreadable), protocol, max_side, forward, device)
    with torch.inference_mode(), Progress("predict photographs", len(named)) as progress:
        for name, labels in finish(scores, protocol.crf, context):
            written.append(_write(folder, results[name], named[name], labels))
            progress.advance()
        if written:
            folder.write_text(classes, "\n".join(class_names) + "\n")
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


def _names(photos: Iterable[Path]) -> dict[str, Path]:
    """Name the results of each photograph: by its stem, or by its path below the given folder."""
    named: dict[str, Path] = {}
    for given in photos:
        if not given.exists():
            raise InputError(f"{given}: no such photograph")
        found = _inside(given) if given.is_dir() else [given]
        for path in found:
            name = str(path.relative_to(given).with_suffix("")) if given.is_dir() else path.stem
            if name in named:
                raise InputError(f"{path}: its results would replace those of {named[name]}; rename one of them")
            named[name] = path
    return named


def _inside(folder: Path) -> list[Path]:
    """List the photographs of a folder; masks and overlays of an earlier call are none."""
    written = WrittenBelow(folder)
    found = [folder / name for name in walk_pictures(folder)[0]]
    photographs = [path for path in found if path not in written]
    if not photographs:
        left_out = f"; the {len(found)} there were written by this program" if found else ""
        raise InputError(f"{folder}: holds no photographs ({', '.join(PICTURES)}){left_out}")
    return photographs


def _readable(named: dict[str, Path], unreadable: list[InputError]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield photographs by name, read one ahead of the network; errors go to `unreadable`."""
    for name, image in map_in_threads(_read, named.items(), workers=1, in_flight=2):
        if isinstance(image, InputError):
            unreadable.append(image)
        else:
            yield name, image


def _scores(
    network: SegmentationNetwork,
    photographs: Iterable[tuple[str, np.ndarray]],
    protocol: Protocol,
    max_side: int,
    forward: Forward,
    device: torch.device,
) -> Iterator[Scores]:
    """Compute probabilities photograph by photograph: their sizes differ."""
    for name, image in photographs:
        small = resize_image(image, snapped_size(bounded_size(image.shape[:2], max_side)))
        pixels = torch.from_numpy(small).to(device)
        tensor = pixels.permute(2, 0, 1)[None].float().div_(255)
        probabilities = network_probabilities(network, tensor, protocol, forward)
        yield Scores([name], probabilities, pixels[None] if protocol.crf else None, [image.shape[:2]])


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
