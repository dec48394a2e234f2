"""Stage `cams`: make class activation maps of the training images with the classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config import Cams
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.windows import parted
from wsss.models.classifier import Classifier
from wsss.ops.cams import multi_scale_cams
from wsss.pipeline.inputs import makers_of
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.cam_batches import CamBatch, StoredCams, cam_size, present_cams
from wsss.stages.forward import Forward
from wsss.stages.inference import image_batches, map_beside_network, resolve_device
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.stages.tiled_cams import tiled_cams
from wsss.training.checkpoint import load_model


@checks_output
@in_parts
def cams(settings: Cams, *, index: Path, classifier: Path, output: Path, context: RunContext = RunContext()) -> None:
    """Write the CAMs of every training image: present classes only, each divided by its maximum.

    Args:
        settings: Scales and flip.
        index: Artifact of stage `index`.
        classifier: Checkpoint of stage `train_classifier`.
        output: Artifact; kind `cams`: (P, h, w) float16 in [0, 1] with attribute `classes`, label values (P,).

    Raises:
        InputError: If an input is missing, damaged, or of another set of classes.
    """
    dataset = load_dataset(index)
    device = resolve_device(context)
    model, _ = load_model(classifier, Classifier, makers_of("cams", "classifier"), class_names=dataset.class_names)
    attributes = provenance("cams", settings, {"index": index, "classifier": classifier}, context)
    attributes |= {"class_names": list(dataset.class_names), "split": "train"}
    ids = own_images(dataset, dataset.ids("train"), context)
    network = model.on(device)
    with ImageArtifact(output, stage="cams", attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        whole, large = parted(settings.tiles, pending, dataset.network_size)
        maps = _maps(network, settings, dataset, whole, context, device)
        with Progress("cams", len(ids), done=len(ids) - len(pending)) as progress:
            done = map_beside_network(
                present_cams, maps, context, what="cams", in_flight=context.workers + 1, holds_the_lock=False
            )
            tiled = _tiled(network, settings, dataset, large, context, device)
            for image_id, planes, classes in chain(chain.from_iterable(done), tiled):
                artifact.write(image_id, {"cams": planes}, classes=classes)
                progress.advance()


def _maps(
    network: Classifier, settings: Cams, dataset: Dataset, ids: Sequence[str], context: RunContext, device: torch.device
) -> Iterator[CamBatch]:
    compute = partial(Forward(device, context), partial(_cams, network))
    for batch_ids, images in image_batches(dataset, ids, context, device):
        maps = multi_scale_cams(compute, images, settings.scales, settings.flip, cam_size(images), network.grid)
        yield CamBatch(batch_ids, maps, [np.flatnonzero(dataset.image_labels(image_id)) for image_id in batch_ids])


def _tiled(
    network: Classifier, settings: Cams, dataset: Dataset, ids: Sequence[str], context: RunContext, device: torch.device
) -> Iterator[StoredCams]:
    """Make the CAMs of images one after the other, each in tiles."""
    forward = Forward(device, context)
    for image_id in ids:
        classes, size = np.flatnonzero(dataset.image_labels(image_id)), dataset.network_size(image_id)
        planes = tiled_cams(network, dataset.photograph(image_id), size, classes, settings, forward, device)
        yield image_id, planes, classes.astype(np.uint8) + 1


def _cams(model: Classifier, images: Tensor) -> Tensor:
    maps = model(images, cams=True).cams
    assert maps is not None
    return maps
