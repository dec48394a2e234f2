"""Stage `aalr_labels`: label the training images with the trained network of AA&LR."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config import LabelReassign, OnlineLabels, Protocol
from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.losses.label_reassign import label_reassign_loss, reassigned_labels
from wsss.models.aalr import AALR, EMBEDDINGS
from wsss.ops.cams import scaled_images
from wsss.ops.online_masks import online_pseudo_labels
from wsss.ops.upsampling import nearest
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.forward import Forward
from wsss.stages.inference import image_batches, image_label_tensor, map_beside_network, resolve_device
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.stages.segmentation import segmented
from wsss.training.checkpoint import load_model

STAGE = "aalr_labels"
Arrays = tuple[str, dict[str, np.ndarray]]


@checks_output
@in_parts
def aalr_labels(
    settings: AalrLabels,
    *,
    index: Path,
    model: Path,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Label every training image with background, if there is one, and the classes that its labels name.

    Args:
        settings: Source of the labels (the segmentation branch, or masks of the CAMs), scales and CRF.
        index: Artifact of stage `index`.
        model: Checkpoint of stage `train_aalr`.
        output: Artifact; kind `segmentation` (H, W) uint8. Masks of CAMs are 255 where they are not reliable. With
            `settings.save_masks`, it also holds them as `masks`, and as `reassigned` after label reassignment by each
            image's own centroids, where the embeddings themselves judge.

    Raises:
        InputError: If an input is missing, damaged, or of another set of classes.
    """
    dataset = load_dataset(index)
    device = resolve_device(context)
    network, checkpoint = load_model(model, AALR, "train_aalr", class_names=dataset.class_names)
    attributes = provenance(STAGE, settings, {"index": index, "model": model}, context)
    attributes |= {"class_names": list(dataset.class_names), "split": "train"}
    training: TrainAalr = TrainAalr.parse(json.loads(checkpoint.attributes["settings"]))
    labeller = _Labeller(network.on(device), settings, training, dataset, context, device)
    ids = own_images(dataset, dataset.ids("train"), context)
    with ImageArtifact(output, stage=STAGE, attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        with Progress("aalr labels", len(ids), done=len(ids) - len(pending)) as progress:
            for image_id, arrays in labeller.labels(pending):
                artifact.write(image_id, arrays)
                progress.advance()


@dataclass(frozen=True)
class _MaskBatch:
    """Masks of a batch, by kind, (N, h, w) uint8 on the network's device, and the sizes of the photographs."""

    ids: Sequence[str]
    masks: dict[str, Tensor]
    sizes: list[tuple[int, int]]


def _at_photographs(batch: _MaskBatch) -> list[Arrays]:
    """Bring the masks to the sizes of the photographs, each pixel of the nearest."""
    on_host = {kind: masks.cpu() for kind, masks in batch.masks.items()}
    with torch.inference_mode():
        return [
            (image_id, {kind: nearest(masks[i : i + 1], size)[0].numpy() for kind, masks in on_host.items()})
            for i, (image_id, size) in enumerate(zip(batch.ids, batch.sizes, strict=True))
        ]


@dataclass(frozen=True)
class _Labeller:
    """Labels images with the network, by the settings of the stage and of the training."""

    network: AALR
    settings: AalrLabels
    training: TrainAalr
    dataset: Dataset
    context: RunContext
    device: torch.device

    def labels(self, ids: Sequence[str]) -> Iterator[Arrays]:
        """Yield every image with the arrays to keep of it."""
        if self.settings.source == "segmentation" and not self.settings.save_masks:
            yield from self._segmented(ids)
        elif self.settings.source == "segmentation":
            # both go through the same batches in the same order
            for (image_id, arrays), (_, masks) in zip(self._segmented(ids), self._masked(ids), strict=True):
                yield image_id, arrays | masks
        else:
            for image_id, masks in self._masked(ids):
                yield image_id, {"segmentation": masks["masks"]} | (masks if self.settings.save_masks else {})

    def _segmented(self, ids: Sequence[str]) -> Iterator[Arrays]:
        settings = self.settings
        protocol = Protocol(scales=settings.scales, flip=settings.flip, crf=settings.crf)
        found = segmented(self.network, self.dataset, ids, protocol, self.context, self.device, named_classes=True)
        for image_id, labels in found:
            yield image_id, {"segmentation": labels}

    def _masked(self, ids: Sequence[str]) -> Iterator[Arrays]:
        found = map_beside_network(
            _at_photographs,
            self._mask_batches(ids),
            self.context,
            what=STAGE,
            in_flight=self.context.workers + 1,
            holds_the_lock=False,
        )
        return chain.from_iterable(found)

    def _mask_batches(self, ids: Sequence[str]) -> Iterator[_MaskBatch]:
        forward = Forward(self.device, self.context)
        for batch_ids, batch in image_batches(self.dataset, ids, self.context, self.device):
            images = scaled_images(batch, (self.settings.scale,))[0]
            parts = forward.parts(self._masks, images, image_label_tensor(self.dataset, batch_ids, self.device))
            masks = {kind: torch.cat([part[kind] for part in parts]) for kind in parts[0]}
            yield _MaskBatch(batch_ids, masks, [self.dataset.size(image_id) for image_id in batch_ids])

    def _masks(self, images: Tensor, image_labels: Tensor) -> dict[str, Tensor]:
        """Make masks (N, H, W) uint8 before and after reassignment, by kind, as the training makes them."""
        settings: OnlineLabels = self.training.masks if self.settings.masks is None else self.settings.masks
        reassign: LabelReassign = self.training.label_reassign
        embedding = EMBEDDINGS[reassign.embedding]
        # a judge from before the training is not at hand any more
        reassigns = reassign.weight > 0 and reassign.judge == "own"
        # one forward pass for masks and reassignment
        made = self.network(images, ("cams", embedding) if reassigns else ("cams",))
        cams = self.network.multi_scale_cams(images, settings.scales, made.cams)
        pixels = (images * 255).round().to(torch.uint8)
        background, grid = self.network.background, self.network.grid
        labels = online_pseudo_labels(cams, image_labels, pixels, settings, grid=grid, background=background).labels
        if not reassigns:
            return {"masks": labels}
        result = label_reassign_loss(
            getattr(made, embedding),
            labels,
            image_labels,
            # the labels of an image must not depend on the other images of its batch
            scope="image",
            margin=reassign.margin,
            temperature=reassign.temperature,
            min_points=reassign.min_points,
            grid=self.network.grid,
        )
        return {"masks": labels, "reassigned": reassigned_labels(labels, result)}
