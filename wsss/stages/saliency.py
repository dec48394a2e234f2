"""Stage `saliency`: one class-agnostic saliency map per image, from the source that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from wsss.config import Saliency
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.images import resize_map
from wsss.ops.saliency import superpixel_saliency
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.parallel import map_in_processes, map_in_threads
from wsss.stages.saliency_folder import SaliencyFolder
from wsss.stages.saliency_network import SaliencyNetwork

KIND = "saliency"


def saliency(settings: Saliency, *, index: Path, output: Path, context: RunContext = RunContext()) -> None:
    """Writes the saliency maps of all images of all splits, uint8 at the original size.

    Args:
        index: Artifact of the stage `index`.
        output: The artifact to write.

    Raises:
        InputError: If the source is not there, or does not fit the images.
    """
    dataset = load_dataset(index)
    image_ids = [image_id for split in dataset.splits for image_id in dataset.ids(split)]
    weights = Path(settings.weights) if settings.source == "rembg" and settings.weights is not None else None
    # made before the artifact, so that what is missing is said before anything is written
    network = SaliencyNetwork(settings, context) if settings.source == "rembg" else None
    folder = SaliencyFolder(settings.folder, image_ids) if settings.folder and settings.source == "folder" else None
    attributes = provenance("saliency", settings, {"index": index, "weights": weights}, context)
    if folder is not None:
        attributes["inputs"]["maps"] = folder.fingerprint()
    with ImageArtifact(output, stage="saliency", attributes=attributes) as artifact:
        # maps of the user's own are all read again on resume: they are judged together, and it costs little
        todo = image_ids if folder is not None else artifact.pending(image_ids)
        maps: Iterator[np.ndarray]
        if folder is not None:
            maps = (folder.read(image_id, dataset.size(image_id)) for image_id in todo)
        elif network is not None:
            maps = _from_network(network, dataset, todo)
        else:
            function = partial(_from_superpixels, dataset, settings)
            maps = map_in_processes(function, todo, workers=context.workers, what="saliency")
        with Progress("saliency", len(image_ids), done=len(image_ids) - len(todo)) as progress:
            for image_id, saliency_map in zip(todo, maps, strict=True):
                if image_id not in artifact.done:
                    artifact.write(image_id, {KIND: saliency_map})
                progress.advance()
        if folder is not None:
            folder.check_read()
