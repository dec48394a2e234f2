"""Stage `refine_labels`: any label set, refined by the colours of the photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config.refine_labels import RefineLabels
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.images import resize_labels
from wsss.label_values import BACKGROUND, IGNORE_INDEX
from wsss.ops.label_refinement import label_probabilities, refine_probabilities
from wsss.ops.probabilities import labels_at_size
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.inference import map_beside_network, resolve_device
from wsss.stages.labels import ArtifactLabels
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images

STAGE = "refine_labels"
ON_GPU = 8
"""Images that a GPU refines at once."""


@checks_output
@in_parts
def refine_labels(
    settings: RefineLabels, *, index: Path, labels: Path, output: Path, context: RunContext = RunContext()
) -> None:
    """Refine the labels of every training image.

    A pixel becomes background (where the data have one), a class that the image-level labels name, or one that the
    labels hold.

    Args:
        settings: What refines, and how far labels are trusted.
        index: Artifact of stage `index`.
        labels: Artifact of a stage that makes labels.
        output: Artifact; kind `segmentation` (H, W) uint8.

    Raises:
        InputError: If an input is missing or damaged, lacks an image, or is of other classes; also if the labels hold
            no pixel of a class.
    """
    dataset = load_dataset(index)
    device = resolve_device(context)
    source = ArtifactLabels(labels, dataset)
    source.check()
    attributes = provenance(STAGE, settings, {"index": index, "labels": labels}, context)
    attributes |= {"class_names": list(dataset.class_names), "split": "train"}
    ids = own_images(dataset, dataset.ids("train"), context)
    with ImageArtifact(output, stage=STAGE, attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        refined = map_beside_network(
            _Refinement(settings, dataset, device),
            _batches(source, dataset, pending, ON_GPU if device.type != "cpu" else 1),
            # means of close pixels take as much memory as many images, and all cores by themselves
            context if settings.refinement == "crf" else replace(context, workers=0),
            what=STAGE,
            in_flight=2 * context.workers,
            holds_the_lock=settings.refinement == "crf" and settings.crf.backend == "pydensecrf",
        )
        with Progress("refine labels", len(ids), done=len(ids) - len(pending)) as progress:
            for image_id, found in chain.from_iterable(refined):
                artifact.write(image_id, {"segmentation": found})
                progress.advance()


@dataclass(frozen=True)
class _Item:
    """One image: its label map (H, W) uint8, and its photograph (h, w, 3) uint8 as networks see it."""

    image_id: str
    labels: np.ndarray
    image: np.ndarray


def _batches(source: ArtifactLabels, dataset: Dataset, ids: Sequence[str], size: int) -> Iterator[list[_Item]]:
    for start in range(0, len(ids), size):
        members = ids[start : start + size]
        yield [_Item(image_id, source[image_id], dataset.bounded_colours(image_id)) for image_id in members]


@dataclass(frozen=True)
class _Refinement:
    """Refines images together; picklable, for the CRF that needs processes of its own."""

    settings: RefineLabels
    dataset: Dataset
    device: torch.device

    def __call__(self, items: Sequence[_Item]) -> list[tuple[str, np.ndarray]]:
        settings = self.settings
        with torch.inference_mode():
            values = [self._values(item) for item in items]
            refined = refine_probabilities(
                [self._probabilities(item, own) for item, own in zip(items, values, strict=True)],
                [torch.from_numpy(item.image).to(self.device) for item in items],
                getattr(settings, settings.refinement),
            )
            return [
                (item.image_id, self._labels(item, own, scores))
                for item, own, scores in zip(items, values, refined, strict=True)
            ]

    def _values(self, item: _Item) -> list[int]:
        named = np.flatnonzero(self.dataset.image_labels(item.image_id)) + 1
        always = {BACKGROUND} if self.dataset.background else set()
        return sorted({*always, *named.tolist(), *np.unique(item.labels).tolist()} - {IGNORE_INDEX})

    def _probabilities(self, item: _Item, values: list[int]) -> Tensor:
        seen = (item.image.shape[0], item.image.shape[1])
        labels = torch.from_numpy(resize_labels(item.labels, seen)).to(self.device)
        return label_probabilities(labels, values, self.settings.trust)

    def _labels(self, item: _Item, values: list[int], refined: Tensor) -> np.ndarray:
        size = (item.labels.shape[0], item.labels.shape[1])
        found = np.asarray(values, np.uint8)[labels_at_size(refined, size).cpu().numpy()]
        unsure = resize_labels((refined.amax(0) < self.settings.sure).to(torch.uint8).cpu().numpy(), size)
        found[unsure > 0] = IGNORE_INDEX
        if self.settings.ignored == "kept":
            found[item.labels == IGNORE_INDEX] = IGNORE_INDEX
        return found
