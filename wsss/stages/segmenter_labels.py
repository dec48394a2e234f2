"""Stage `segmenter_labels`: predict the training images of a network, as labels for the next network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from wsss.config import Protocol, SegmenterLabels
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.errors import InputError
from wsss.models.segmenter import Segmenter
from wsss.ops.pseudo_labels import mask_by_saliency
from wsss.pipeline.inputs import makers_of
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.inference import resolve_device
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.stages.segmentation import segmented
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_model


@checks_output
@in_parts
def segmenter_labels(
    settings: SegmenterLabels,
    *,
    index: Path,
    segmenter: Path,
    saliency: Path | None,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Predict the training images among the classes of their image-level labels, masked by saliency.

    Args:
        settings: Scales and flip of the prediction, and the saliency threshold.
        index: Artifact of stage `index`.
        segmenter: Checkpoint of stage `train_segmenter`.
        saliency: Artifact of stage `saliency`; None masks nothing.
        output: Artifact; kind `segmentation` (H, W) uint8, and `saliency` if it is given.

    Raises:
        InputError: If an input is missing, damaged, or of another set of classes, or saliency is to mask the labels of
            data without background.
    """
    dataset = load_dataset(index)
    if not dataset.background and settings.saliency_threshold is not None:
        raise InputError(
            f"segmenter_labels.saliency_threshold is {settings.saliency_threshold}, but {index} has no background: set "
            "it to null"
        )
    device = resolve_device(context)
    stages = makers_of("segmenter_labels", "segmenter")
    network, _ = load_model(segmenter, Segmenter, stages, class_names=dataset.class_names)
    network = network.on(device)
    used = saliency if settings.saliency_threshold is not None else None
    maps = IndexedArtifact(used, "saliency", dataset) if used is not None else None
    inputs = {"index": index, "segmenter": segmenter, "saliency": used}
    attributes = provenance("segmenter_labels", settings, inputs, context)
    attributes |= {"class_names": list(dataset.class_names), "split": "train"}
    protocol = Protocol(scales=settings.scales, flip=settings.flip)
    ids = own_images(dataset, dataset.ids("train"), context)
    if maps is not None:
        maps.require("saliency", ids)
    with ImageArtifact(output, stage="segmenter_labels", attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        with Progress("segmenter labels", len(ids), done=len(ids) - len(pending)) as progress:
            found = segmented(network, dataset, pending, protocol, context, device, named_classes=True)
            for image_id, labels in found:
                artifact.write(image_id, _masked(labels, image_id, maps, settings.saliency_threshold))
                progress.advance()


def _masked(
    labels: np.ndarray, image_id: str, maps: ArtifactReader | None, threshold: float | None
) -> dict[str, np.ndarray]:
    if maps is None or threshold is None:
        return {"segmentation": labels}
    saliency = maps.read("saliency", image_id)
    masked = mask_by_saliency(labels, saliency / np.float32(255), threshold)
    return {"segmentation": masked, "saliency": saliency}
