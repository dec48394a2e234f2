"""Stage `update_labels`: make the labels of the next round of AuxSegNet with the network of this round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config.rounds import UpdateLabels
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.images import resize_map
from wsss.errors import InputError
from wsss.models.auxsegnet import AuxSegNet, AuxSegNetOutput
from wsss.ops.cams import refine_cams, scaled_images
from wsss.ops.pseudo_labels import fuse_scores_with_saliency, strongest_plane
from wsss.ops.saliency_labels import refine_saliency
from wsss.ops.upsampling import upsample
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.inference import cam_size, image_batches, images_per_forward, map_beside_network, resolve_device
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_model


def update_labels(
    settings: UpdateLabels,
    *,
    index: Path,
    model: Path,
    saliency: Path,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Write segmentation and saliency labels of every training image, from one forward pass at one scale.

    The network's affinity refines the CAMs. The refined saliency is averaged with the original map, never with the
    labels of the round before, and smoothed by a CRF. Both are fused as the seeds were.

    Args:
        settings: Thresholds of the fusion, and the CRF.
        index: Artifact of stage `index`.
        model: Checkpoint of stage `train_auxsegnet`.
        saliency: Artifact of stage `saliency`: the original maps.
        output: Artifact; kinds `segmentation` (H, W) uint8, `saliency` (H, W) uint8, soft, and `cams` (P, h, w) float16
            of the present classes as stage `cams` writes them, with attribute `classes`, label values (P,).

    Raises:
        InputError: If an input is missing, damaged, or of another set of classes, or the network has no CAMs.
    """
    dataset = load_dataset(index)
    device = resolve_device(context)
    network = _load(model, dataset, device)
    attributes = provenance(
        "update_labels", settings, {"index": index, "model": model, "saliency": saliency}, context
    ) | {"class_names": list(dataset.class_names), "split": "train"}
    ids = dataset.ids("train")
    finish = _Finish(settings, dataset, device)
    with ImageArtifact(output, stage="update_labels", attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        maps = ArtifactReader(saliency, "saliency")
        refined = _refined(network, settings, dataset, maps, pending, context, device)
        with Progress("update labels", len(ids), done=len(ids) - len(pending)) as progress:
            crf = settings.saliency_crf
            done = map_beside_network(
                finish,
                refined,
                context,
                what="update_labels",
                in_flight=2 * context.workers,
                holds_the_lock=crf is not None and crf.backend == "pydensecrf",
            )
            for image_id, arrays, classes in done:
                artifact.write(image_id, arrays, classes=classes)
                progress.advance()


@dataclass(frozen=True)
class _Refined:
    """The network's output for one image.

    Attributes:
        cams: (P, h, w) float32 of the present classes, refined, a pixel of it `CAM_STRIDE` pixels of the image.
        classes: (P,) uint8, their label values.
        saliency: (H, W) float32 in [0, 1]; None if the network has no such branch.
        original: (H', W') uint8, the original saliency map at the size of the photograph.
        image: (H, W, 3) uint8, the photograph as networks see it.
    """

    image_id: str
    cams: np.ndarray
    classes: np.ndarray
    saliency: np.ndarray | None
    original: np.ndarray
    image: np.ndarray


def _load(path: Path, dataset: Dataset, device: torch.device) -> AuxSegNet:
    network, _ = load_model(path, AuxSegNet, "train_auxsegnet", class_names=dataset.class_names)
    if "cams" not in network.available:
        raise InputError(
            f"{path}: has no classification branch, so no CAMs to make labels of; set "
            "train_auxsegnet.network.classification"
        )
    return network.on(device)


def _refined(
    network: AuxSegNet,
    settings: UpdateLabels,
    dataset: Dataset,
    maps: ArtifactReader,
    ids: list[str],
    context: RunContext,
    device: torch.device,
) -> Iterator[_Refined]:
    """Yield the refined maps of the images, one by one, on the CPU; the network computes nothing else."""
    wanted = ["cams", *([network.saliency_output] if network.saliency_output else [])]
    if settings.refine_cams and "pairwise_affinity" in network.available:
        wanted.append("pairwise_affinity")
    for batch_ids, batch in image_batches(dataset, ids, context, device):
        photographs = (batch * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        images = scaled_images(batch, (settings.scale,))[0]
        count = images_per_forward(images)
        for start in range(0, len(batch_ids), count):
            made = network(images[start : start + count], outputs=wanted)
            cams = upsample(refine_cams(made.cams, made.pairwise_affinity), cam_size(batch), network.grid)
            soft = _soft_saliency(network, made, (batch.shape[2], batch.shape[3]))
            for place, image_id in enumerate(batch_ids[start : start + count]):
                present = np.flatnonzero(dataset.image_labels(image_id))
                yield _Refined(
                    image_id,
                    cams[place, torch.from_numpy(present)].cpu().numpy(),
                    present.astype(np.uint8) + 1,
                    soft[place].cpu().numpy() if soft is not None else None,
                    maps.read("saliency", image_id),
                    photographs[start + place],
                )


def _soft_saliency(network: AuxSegNet, made: AuxSegNetOutput, size: tuple[int, int]) -> Tensor | None:
    """Return saliency (N, *size) in [0, 1], where the network has that branch."""
    if network.saliency_output is None:
        return None
    return upsample(getattr(made, network.saliency_output).float().sigmoid(), size, network.grid)[:, 0]


Finished = tuple[str, dict[str, np.ndarray], np.ndarray]
"""An image, its arrays by kind, and the label values of its CAMs."""


class _Finish:
    """Makes the labels of one image; can be pickled, for the CRF that needs processes."""

    def __init__(self, settings: UpdateLabels, dataset: Dataset, device: torch.device) -> None:
        self._settings, self._dataset, self._device = settings, dataset, device

    def __call__(self, item: _Refined) -> Finished:
        settings, size = self._settings, self._dataset.size(item.image_id)
        saliency = self._saliency_label(item, size)
        score, label = strongest_plane((resize_map(plane, size) for plane in item.cams), item.classes.tolist(), size)
        labels = fuse_scores_with_saliency(
            score,
            label,
            saliency / np.float32(255),
            settings.cam_threshold,
            settings.saliency_threshold,
            settings.background_cam_threshold,
        )
        arrays = {"segmentation": labels, "saliency": saliency}
        if settings.save_cams:
            arrays["cams"] = item.cams.astype(np.float16)
        return item.image_id, arrays, item.classes

    def _saliency_label(self, item: _Refined, size: tuple[int, int]) -> np.ndarray:
        """Make the soft saliency label, (H, W) uint8 at the size of the photograph."""
        if item.saliency is None:
            return item.original
        seen = (item.image.shape[0], item.image.shape[1])
        mean = (item.saliency + resize_map(item.original, seen) / np.float32(255)) / 2
        if self._settings.saliency_crf is not None:
            mean = refine_saliency(mean.clip(0, 1), item.image, self._settings.saliency_crf, self._device)
        return resize_map((mean * 255).round().clip(0, 255).astype(np.uint8), size)
