"""Stage `cams`: make class activation maps of the training images with the classifier."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch

from wsss.config import Cams
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.models.classifier import Classifier
from wsss.ops.cams import multi_scale_cams, normalize_cams
from wsss.pipeline.inputs import makers_of
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.inference import cam_size, image_batches, in_chunks, resolve_device
from wsss.training.checkpoint import load_model


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
    ids = dataset.ids("train")
    compute = in_chunks(partial(_cams, model.on(device)))
    with ImageArtifact(output, stage="cams", attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        with Progress("cams", len(ids), done=len(ids) - len(pending)) as progress:
            for batch_ids, images in image_batches(dataset, pending, context, device):
                size = cam_size(images)
                maps = multi_scale_cams(compute, images, settings.scales, settings.flip, size, model.grid)
                for image_id, planes in zip(batch_ids, normalize_cams(maps).cpu(), strict=True):
                    present = np.flatnonzero(dataset.image_labels(image_id))
                    chosen = planes[torch.from_numpy(present)].numpy().astype(np.float16)
                    artifact.write(image_id, {"cams": chosen}, classes=present.astype(np.uint8) + 1)
                progress.advance(len(batch_ids))


def _cams(model: Classifier, images: torch.Tensor) -> torch.Tensor:
    maps = model(images, cams=True).cams
    assert maps is not None
    return maps
