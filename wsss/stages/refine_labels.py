"""Stage `refine_labels`: any label set, refined by the colours of the photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

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

STAGE = "refine_labels"


def refine_labels(
    settings: RefineLabels, *, index: Path, labels: Path, output: Path, context: RunContext = RunContext()
) -> None:
    """Refine the labels of every training image.

    A pixel becomes background, a class that the image-level labels name, or one that the labels hold.

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
    ids = dataset.ids("train")
    with ImageArtifact(output, stage=STAGE, attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        refined = map_beside_network(
            _Refinement(settings, dataset, device),
            (_Item(image_id, source[image_id], dataset.bounded_image(image_id)) for image_id in pending),
            # means of close pixels take as much memory as many images, and all cores by themselves
            context if settings.refinement == "crf" else replace(context, workers=0),
            what=STAGE,
            in_flight=2 * context.workers,
            holds_the_lock=settings.refinement == "crf" and settings.crf.backend == "pydensecrf",
        )
        with Progress("refine labels", len(ids), done=len(ids) - len(pending)) as progress:
            for image_id, found in refined:
                artifact.write(image_id, {"segmentation": found})
                progress.advance()


@dataclass(frozen=True)
class _Item:
    """One image: its label map (H, W) uint8, and its photograph (h, w, 3) uint8 as networks see it."""

    image_id: str
    labels: np.ndarray
    image: np.ndarray


@dataclass(frozen=True)
class _Refinement:
    """Refines one image; picklable, for the CRF that needs processes of its own."""

    settings: RefineLabels
    dataset: Dataset
    device: torch.device

    def __call__(self, item: _Item) -> tuple[str, np.ndarray]:
        settings, size = self.settings, item.labels.shape
        seen = (item.image.shape[0], item.image.shape[1])
        named = np.flatnonzero(self.dataset.image_labels(item.image_id)) + 1
        values = sorted({BACKGROUND, *named.tolist(), *np.unique(item.labels).tolist()} - {IGNORE_INDEX})
        labels = torch.from_numpy(resize_labels(item.labels, seen)).to(self.device)
        probabilities = label_probabilities(labels, values, settings.trust)
        image = torch.from_numpy(item.image).to(self.device)
        refined = refine_probabilities(probabilities, image, getattr(settings, settings.refinement))
        found = np.asarray(values, np.uint8)[labels_at_size(refined, (size[0], size[1])).cpu().numpy()]
        unsure = resize_labels((refined.amax(0) < settings.sure).to(torch.uint8).cpu().numpy(), (size[0], size[1]))
        found[unsure > 0] = IGNORE_INDEX
        if settings.ignored == "kept":
            found[item.labels == IGNORE_INDEX] = IGNORE_INDEX
        return item.image_id, found
