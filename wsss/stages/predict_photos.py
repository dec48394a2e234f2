"""`wsss predict MODEL PHOTOS...`: masks and overlays of photographs outside any data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data.images import bounded_size, read_image, resize_image
from wsss.errors import InputError
from wsss.ops.palette import voc_palette
from wsss.parallel import map_in_threads
from wsss.progress import Progress
from wsss.stages.inference import resolve_device
from wsss.stages.segmentation import Scores, finish, load_segmentation_network, network_probabilities

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def predict_photos(
    model: Path,
    photos: Sequence[Path],
    *,
    output: Path,
    protocol: Protocol | None = None,
    max_side: int = 1024,
    context: RunContext = RunContext(),
) -> list[Path]:
    """Writes `masks/NAME.png` (indexed, VOC palette) and `overlays/NAME.jpg` of every photograph.

    Args:
        model: Checkpoint of a network that predicts a segmentation.
        photos: Files, and folders of which every photograph is taken.
        output: Folder for the results; `masks/classes.txt` names the values.
        protocol: Scales, flip, CRF; None asks once at the original scale.
        max_side: Longest side that the network sees; results have the original size.

    Returns:
        The masks, in the order of the photographs.

    Raises:
        InputError: If a photograph or the checkpoint cannot be read, or two photographs have one name.
    """
    protocol = protocol or Protocol()
    named = _names(photos)
    device = resolve_device(context)
    network, class_names = load_segmentation_network(model, device)
    for folder in (output / "masks", output / "overlays"):
        folder.mkdir(parents=True, exist_ok=True)
    (output / "masks" / "classes.txt").write_text("\n".join(class_names) + "\n", encoding="utf-8")
    written: list[Path] = []
    scores = _scores(network, named, protocol, max_side, device)
    with torch.inference_mode(), Progress("predict photographs", len(named)) as progress:
        for name, labels in finish(scores, protocol.crf, context):
            written.append(_write(output, name, named[name], labels))
            progress.advance()
    return written


def _names(photos: Iterable[Path]) -> dict[str, Path]:
    """Photographs by the name of their results: their stem, or the path below the folder that was given."""
    named: dict[str, Path] = {}
    for given in photos:
        found = sorted(p for p in given.rglob("*") if p.suffix.lower() in SUFFIXES) if given.is_dir() else [given]
        if not found:
            raise InputError(f"{given}: holds no photographs ({', '.join(SUFFIXES)})")
        for path in found:
            if not path.is_file():
                raise InputError(f"{path}: no such photograph")
            name = str(path.relative_to(given).with_suffix("")) if given.is_dir() else path.stem
            if name in named:
                raise InputError(f"{path}: its results would replace those of {named[name]}; rename one of them")
            named[name] = path
    return named


def _scores(
    network: nn.Module, named: dict[str, Path], protocol: Protocol, max_side: int, device: torch.device
) -> Iterator[Scores]:
    """Probabilities photograph by photograph (sizes differ), the next one read while the network works."""
    for name, image in map_in_threads(_read, named.items(), workers=1, in_flight=2):
        small = resize_image(image, bounded_size(image.shape[:2], max_side))
        tensor = torch.from_numpy(small).to(device).permute(2, 0, 1)[None].float().div_(255)
        probabilities = network_probabilities(network, tensor, protocol)[0].cpu().numpy()
        yield Scores(name, probabilities, small if protocol.crf else None, image.shape[:2])


def _read(item: tuple[str, Path]) -> tuple[str, np.ndarray]:
    return item[0], read_image(item[1])


def _write(output: Path, name: str, photo: Path, labels: np.ndarray) -> Path:
    mask = Image.fromarray(labels, mode="P")
    mask.putpalette(voc_palette().tobytes())
    path = output / "masks" / f"{name}.png"
    _save(mask, path)
    _save(Image.fromarray(_overlay(read_image(photo), labels)), output / "overlays" / f"{name}.jpg")
    return path


def _overlay(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The photograph with classes tinted and background dimmed a little: (H, W, 3) uint8."""
    tinted = (image.astype(np.uint16) * 2 + voc_palette()[labels].astype(np.uint16) * 3) // 5
    dimmed = image.astype(np.uint16) * 4 // 5
    return np.where((labels != 0)[..., None], tinted, dimmed).astype(np.uint8)


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp{path.suffix}")
    picture.save(temporary)
    temporary.replace(path)
