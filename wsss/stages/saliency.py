"""Stage `saliency`: make one class-agnostic saliency map per training image, from the source that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsss.config import Saliency
from wsss.context import RunContext
from wsss.data.dataset import Dataset, load_dataset
from wsss.data.images import resize_map
from wsss.ops.saliency import superpixel_saliency
from wsss.parallel import map_in_processes, map_in_threads
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.stages.saliency_choice import chosen_source, record_choice, warning_of
from wsss.stages.saliency_folder import SaliencyFolder
from wsss.stages.saliency_network import SaliencyNetwork

KIND = "saliency"
READERS = 2
READ_AHEAD = 4
"""Number of decoded photographs that wait for the network, beside those that it works on."""


@checks_output
@in_parts
def saliency(settings: Saliency, *, index: Path, output: Path, context: RunContext = RunContext()) -> None:
    """Write the saliency map of every training image and, where the settings ask for it, of every validation image.

    Args:
        settings: The source, its settings, and whether validation images are wanted.
        index: Artifact of stage `index`.
        output: Artifact; kind `saliency`: (H, W) uint8 at the size of the photograph. Its attribute `split` is `train`
            where it holds no other images. Its settings name the source that was taken; where that was a choice, the
            attribute `chosen` says why, `warning` what it costs, and a file beside it keeps the choice.

    Raises:
        InputError: If an input is missing or damaged, or the source is missing or does not fit the images.
    """
    dataset = load_dataset(index)
    ids = dataset.ids(*(dataset.splits if settings.val else ["train"]))
    # open sources before the artifact, so that a missing file is reported before anything is written
    folder = SaliencyFolder(settings.folder, ids) if settings.source == "folder" and settings.folder else None
    asked = settings
    settings, network, choice = chosen_source(asked, output, context)
    inputs = {"index": index, "weights": network.weights if network is not None else None}
    attributes = provenance("saliency", settings, inputs, context)
    if choice is not None:
        attributes |= {"chosen": f"{choice.source} by `auto`, for {choice.why}", "warning": warning_of(choice)}
    if not settings.val:
        attributes["split"] = "train"
    if folder is not None:
        attributes["inputs"]["maps"] = folder.fingerprint()
    ids = own_images(dataset, ids, context)
    curve = np.round(255 * np.linspace(0, 1, 256) ** settings.gamma).astype(np.uint8)
    with ImageArtifact(output, stage="saliency", attributes=attributes) as artifact:
        pending = artifact.pending(ids)
        if folder is not None:
            # on resume too, read all maps: they are checked together
            read = (folder.read(image_id, dataset.size(image_id)) for image_id in ids)
            _write(artifact, ids, ids, read, curve)
            folder.check_read()
        elif network is not None:
            _write(artifact, ids, pending, _from_network(network, dataset, pending), curve)
        else:
            function = partial(_from_superpixels, settings, dataset)
            workers = min(context.workers, context.threads or context.workers)
            maps = map_in_processes(function, pending, workers=workers, what="saliency")
            _write(artifact, ids, pending, maps, curve)
    if choice is not None:
        record_choice(choice, asked, output)


def _write(
    artifact: ImageArtifact, ids: Sequence[str], todo: Sequence[str], maps: Iterator[np.ndarray], curve: np.ndarray
) -> None:
    """Write maps, each value replaced by its entry in the curve (256,) uint8."""
    with Progress("saliency", len(ids), done=len(ids) - len(todo)) as progress:
        for image_id, saliency_map in zip(todo, maps, strict=True):
            if image_id not in artifact.done:
                artifact.write(image_id, {KIND: curve[saliency_map]})
            progress.advance()


def _from_superpixels(settings: Saliency, dataset: Dataset, image_id: str) -> np.ndarray:
    image = dataset.bounded_colours(image_id)
    values = superpixel_saliency(image, segments=settings.segments, compactness=settings.compactness)
    return resize_map(np.round(255 * values).astype(np.uint8), dataset.size(image_id))


def _from_network(network: SaliencyNetwork, dataset: Dataset, ids: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield maps in the order of the ids; photographs are read and results passed on while the network works."""
    count = network.side_by_side
    images = map_in_threads(dataset.bounded_colours, ids, workers=READERS, in_flight=count + READ_AHEAD)
    results = map_in_threads(network, images, workers=count, in_flight=count + READ_AHEAD)
    for image_id, values in zip(ids, results, strict=True):
        yield resize_map(values, dataset.size(image_id))
