"""Stage `seed_labels`: make the first pseudo labels, from CAMs and saliency."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsss.config import Saliency, SeedLabels
from wsss.config.stages import SALIENT
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.data.images import resize_map
from wsss.errors import InputError
from wsss.ops.pseudo_labels import (
    add_missed_classes,
    fuse_scores_with_saliency,
    labels_from_scores,
    labels_of_classes,
    strongest_plane,
)
from wsss.parallel import map_in_processes
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.store import ArtifactReader


def _source_of(saliency: Path | None) -> tuple[str | None, float]:
    """Return source and exponent of saliency maps, as their artifact says; maps made by hand count as a folder's."""
    if saliency is None:
        return None, 1.0
    with ArtifactReader(saliency, "saliency") as reader:
        settings = reader.attributes.get("settings")
    try:
        made = Saliency.parse({"source": "folder", "folder": "", **(settings if isinstance(settings, dict) else {})})
    except InputError:
        return "folder", 1.0
    return (made.source, made.gamma) if made.source in SALIENT else ("folder", made.gamma)


class _Fusion:
    """Makes the labels of one image; can be pickled, so that worker processes share the images."""

    def __init__(self, settings: SeedLabels, dataset: Dataset, cams: Path, saliency: Path | None) -> None:
        self._settings, self._dataset = settings, dataset
        ids = dataset.ids("train")
        self._cams = IndexedArtifact(cams, "cams", dataset).require("cams", ids)
        self._saliency = None
        if saliency is not None:
            self._saliency = IndexedArtifact(saliency, "saliency", dataset).require("saliency", ids)

    def __call__(self, image_id: str) -> tuple[str, dict[str, np.ndarray]]:
        settings = self._settings
        score, label = strongest_cam(self._cams, image_id, self._dataset.size(image_id))
        if settings.rule == "classes":
            return image_id, {"segmentation": labels_of_classes(score, label, settings.cam_threshold)}
        limit = settings.background_cam_threshold
        assert limit != "auto"
        if self._saliency is None:
            return image_id, {"segmentation": labels_from_scores(score, label, settings.cam_threshold, limit)}
        salient = settings.saliency_threshold
        assert salient != "auto"
        saliency = self._saliency.read("saliency", image_id)
        values = saliency / np.float32(255)
        labels = fuse_scores_with_saliency(score, label, values, settings.cam_threshold, salient, limit)
        if settings.strong_cam_threshold is not None:
            present = np.flatnonzero(self._dataset.image_labels(image_id)) + 1
            labels = add_missed_classes(labels, score, label, present.tolist(), settings.strong_cam_threshold)
        return image_id, {"segmentation": labels, "saliency": saliency}


def strongest_cam(reader: ArtifactReader, image_id: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest CAM (H, W) at the photograph's size, and the label value of its class (H, W) uint8."""
    planes, attributes = reader.read_with_attributes("cams", image_id)
    resized = (resize_map(plane, size) for plane in planes.astype(np.float32))
    return strongest_plane(resized, attributes["classes"].tolist(), size)


@checks_output
@in_parts
def seed_labels(
    settings: SeedLabels,
    *,
    index: Path,
    cams: Path,
    saliency: Path | None,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Fuse CAMs and saliency of every training image into segmentation and saliency labels.

    Args:
        settings: The rule and its thresholds; what is `auto` follows the source of the saliency maps.
        index: Artifact of stage `index`.
        cams: Artifact of stage `cams`.
        saliency: Artifact of stage `saliency`; None only with the rules `background_threshold` and `classes`.
        output: Artifact; kinds `segmentation` and `saliency`, (H, W) uint8.

    Raises:
        InputError: If an input is missing or damaged, or does not fit the index, or the rule gives background to data
            that have none.
    """
    if settings.rule == "saliency" and saliency is None:
        raise InputError("seed_labels.rule is `saliency`, so saliency maps are needed: pass --saliency FILE.h5")
    dataset = load_dataset(index)
    if not dataset.background and settings.rule != "classes":
        raise InputError(f"seed_labels.rule is `{settings.rule}`, but {index} has no background: set it to `classes`")
    used = saliency if settings.rule == "saliency" else None
    settings = settings.for_maps(*_source_of(used))
    attributes = provenance("seed_labels", settings, {"index": index, "cams": cams, "saliency": used}, context)
    attributes |= {"class_names": list(dataset.class_names), "split": "train"}
    ids = own_images(dataset, dataset.ids("train"), context)
    fusion = _Fusion(settings, dataset, cams, used)
    with ImageArtifact(output, stage="seed_labels", attributes=attributes) as artifact:
        pending = artifact.pending(ids)
        with Progress("seed labels", len(ids), done=len(ids) - len(pending)) as progress:
            for image_id, arrays in map_in_processes(fusion, pending, workers=context.workers, what="seed_labels"):
                artifact.write(image_id, arrays)
                progress.advance()
