"""Stage `aalr_labels`: pseudo labels of the training images, by the trained network of AA&LR."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config import AalrLabels, LabelReassign, Protocol
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.losses import label_reassign_loss
from wsss.losses.label_reassign import reassigned_labels
from wsss.models import AALR
from wsss.models.aalr import SEGMENTATION
from wsss.ops.cams import scaled_images
from wsss.ops.online_masks import online_pseudo_labels
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.inference import PIXELS_PER_FORWARD, image_batches, resolve_device
from wsss.stages.segmentation import Scores, finish, network_probabilities, scores_of_batch
from wsss.training.checkpoint import load_model

STAGE = "aalr_labels"
Arrays = tuple[str, dict[str, np.ndarray]]


def aalr_labels(
    settings: AalrLabels,
    *,
    index: Path,
    model: Path,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Labels every training image among background and the classes that its image-level labels name.

    Args:
        settings: Whether the segmentation branch labels, or masks of the CAMs do; scales and CRF.
        index: Artifact of stage `index`.
        model: Checkpoint of stage `train_aalr`.
        output: Artifact; kind `segmentation` (H, W) uint8. Masks of CAMs are 255 where they are not reliable; with
            `settings.save_masks`, they are there as `masks`, and after label reassignment as `reassigned`.

    Raises:
        InputError: If an input is missing, damaged, or of another set of classes.
    """
    dataset = load_dataset(index)
    device = resolve_device(context)
    network, _ = load_model(model, "train_aalr", class_names=dataset.class_names)
    assert isinstance(network, AALR)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    attributes = provenance(STAGE, settings, {"index": index, "model": model}, context)
    attributes |= {"class_names": list(dataset.class_names), "split": "train"}
    ids = dataset.ids("train")
    with ImageArtifact(output, stage=STAGE, attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        with Progress("aalr labels", len(ids), done=len(ids) - len(pending)) as progress:
            for image_id, arrays in _labels(network, settings, dataset, pending, context, device):
                artifact.write(image_id, arrays)
                progress.advance()


def _labels(
    network: AALR,
    settings: AalrLabels,
    dataset: Dataset,
    ids: list[str],
    context: RunContext,
    device: torch.device,
) -> Iterator[Arrays]:
    """Every image with what is kept of it."""
    asked = network, settings, dataset, ids, context, device
    if settings.source == "segmentation" and not settings.save_masks:
        yield from _segmented(*asked)
    elif settings.source == "segmentation":
        # both go through the same batches in the same order
        for (image_id, arrays), (_, masks) in zip(_segmented(*asked), _masked(*asked), strict=True):
            yield image_id, arrays | masks
    else:
        for image_id, masks in _masked(*asked):
            yield image_id, {"segmentation": masks["masks"]} | (masks if settings.save_masks else {})


def _segmented(
    network: AALR,
    settings: AalrLabels,
    dataset: Dataset,
    ids: list[str],
    context: RunContext,
    device: torch.device,
) -> Iterator[Arrays]:
    protocol = Protocol(scales=settings.scales, flip=settings.flip, crf=settings.crf)
    only = _Segmentation(network)

    def scores() -> Iterator[Scores]:
        for batch_ids, images in image_batches(dataset, ids, context, device):
            probabilities = network_probabilities(only, images, protocol)
            allowed = torch.nn.functional.pad(_image_labels(dataset, batch_ids, device), (1, 0), value=1)
            probabilities *= allowed[:, :, None, None]
            probabilities /= probabilities.sum(1, keepdim=True).clamp(min=1e-8)
            sizes = [dataset.size(image_id) for image_id in batch_ids]
            yield from scores_of_batch(batch_ids, images, probabilities, sizes, settings.crf is not None)

    for image_id, labels in finish(scores(), settings.crf, context):
        yield image_id, {"segmentation": labels}


def _masked(
    network: AALR,
    settings: AalrLabels,
    dataset: Dataset,
    ids: list[str],
    context: RunContext,
    device: torch.device,
) -> Iterator[Arrays]:
    for batch_ids, batch in image_batches(dataset, ids, context, device):
        images = scaled_images(batch, (settings.scale,))[0]
        count = max(1, PIXELS_PER_FORWARD[device.type] // (images.shape[2] * images.shape[3]))
        for start in range(0, len(batch_ids), count):
            members = batch_ids[start : start + count]
            made = _masks(network, settings, images[start : start + count], _image_labels(dataset, members, device))
            for place, image_id in enumerate(members):
                size = dataset.size(image_id)
                yield image_id, {kind: _at_size(maps[place], size) for kind, maps in made.items()}


def _masks(network: AALR, settings: AalrLabels, images: Tensor, image_labels: Tensor) -> dict[str, Tensor]:
    """Masks (N, H, W) uint8 before and after reassignment, by kind."""
    cams = network.multi_scale_cams(images, settings.masks.scales)
    pixels = (images * 255).round().to(torch.uint8)
    labels = online_pseudo_labels(cams, image_labels, pixels, settings.masks).labels
    reassign: LabelReassign = settings.label_reassign
    output = "embeddings" if reassign.embedding == "segmentation" else "features"
    result = label_reassign_loss(
        getattr(network(images, (output,)), output),
        labels,
        image_labels,
        # what an image is given must not depend on the images beside it
        scope="image",
        margin=reassign.margin,
        temperature=reassign.temperature,
        min_points=reassign.min_points,
    )
    return {"masks": labels, "reassigned": reassigned_labels(labels, result)}


class _Segmentation(torch.nn.Module):
    def __init__(self, network: AALR) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images, SEGMENTATION).segmentation_logits
        assert logits is not None
        return logits


def _image_labels(dataset: Dataset, ids: Sequence[str], device: torch.device) -> Tensor:
    """(N, C) float32 in {0, 1}."""
    return torch.from_numpy(np.stack([dataset.image_labels(image_id) for image_id in ids]).astype(np.float32)).to(
        device
    )


def _at_size(labels: Tensor, size: tuple[int, int]) -> np.ndarray:
    """(*size) uint8, each label taken at the nearest pixel."""
    if tuple(labels.shape) == size:
        return labels.cpu().numpy()
    resized = torch.nn.functional.interpolate(labels[None, None].float(), size, mode="nearest-exact")
    return resized[0, 0].to(torch.uint8).cpu().numpy()
