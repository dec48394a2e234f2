"""Stage `update_labels`: make the labels of the next round of AuxSegNet with the network of this round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config.rounds import UpdateLabels
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.data.images import resize_map
from wsss.errors import InputError
from wsss.models.auxsegnet import AuxSegNet
from wsss.ops.cams import refine_cams, scaled_images
from wsss.ops.pseudo_labels import fuse_scores_with_saliency, strongest_plane
from wsss.ops.saliency_labels import refine_saliency
from wsss.ops.upsampling import upsample
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.cam_batches import CamBatch, cam_size
from wsss.stages.forward import Forward
from wsss.stages.inference import image_batches, map_beside_network, pixels_of, resolve_device
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_model


@checks_output
@in_parts
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
    ids = own_images(dataset, dataset.ids("train"), context)
    maps = IndexedArtifact(saliency, "saliency", dataset).require("saliency", ids)
    network = _load(model, dataset, device)
    attributes = provenance(
        "update_labels", settings, {"index": index, "model": model, "saliency": saliency}, context
    ) | {"class_names": list(dataset.class_names), "split": "train"}
    with ImageArtifact(output, stage="update_labels", attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        refined = _refined(network, settings, dataset, pending, context, device)
        with Progress("update labels", len(ids), done=len(ids) - len(pending)) as progress:
            crf = settings.saliency_crf
            done = map_beside_network(
                _Finish(settings, dataset, maps),
                refined,
                context,
                what="update_labels",
                in_flight=2 * context.workers,
                holds_the_lock=crf is not None and crf.backend == "pydensecrf",
            )
            for image_id, arrays, classes in chain.from_iterable(done):
                artifact.write(image_id, arrays, classes=classes)
                progress.advance()


@dataclass(frozen=True)
class _Refined:
    """The network's output for a batch.

    Attributes:
        cams: Of the present classes, refined, on pixels; on the network's device.
        saliency: (N, H, W) float32 in [0, 1], likewise; None if the network has no such branch.
        images: (N, H, W, 3) uint8, the photographs as networks see them.
    """

    cams: CamBatch
    saliency: Tensor | None
    images: Tensor

    def one_by_one(self) -> Iterator[_Refined]:
        """Yield the images of the batch, each a batch of its own; copies, so that they can go to processes."""
        for i, image_id in enumerate(self.cams.ids):
            one = slice(i, i + 1)
            cams = CamBatch([image_id], self.cams.maps[one].clone(), self.cams.present[one])
            saliency = None if self.saliency is None else self.saliency[one].clone()
            yield _Refined(cams, saliency, self.images[one].clone())


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
    ids: Sequence[str],
    context: RunContext,
    device: torch.device,
) -> Iterator[_Refined]:
    """Yield the refined maps of the images; the network computes nothing else."""
    wanted = ["cams", *([network.saliency_output] if network.saliency_output else [])]
    if settings.refine_cams and "pairwise_affinity" in network.available:
        wanted.append("pairwise_affinity")
    forward = Forward(device, context)
    for batch_ids, batch in image_batches(dataset, ids, context, device):
        images = scaled_images(batch, (settings.scale,))[0]
        size = (batch.shape[2], batch.shape[3])
        parts = forward.parts(partial(_maps, network, wanted, cam_size(batch), size), images)
        present = [np.flatnonzero(dataset.image_labels(image_id)) for image_id in batch_ids]
        saliency = torch.cat([soft for _, soft in parts]) if network.saliency_output else None
        found = _Refined(
            CamBatch(batch_ids, torch.cat([cams for cams, _ in parts]), present),
            saliency,
            pixels_of(batch),
        )
        # on a GPU, a batch is finished as a whole
        yield from [found] if device.type != "cpu" else found.one_by_one()


def _maps(
    network: AuxSegNet, wanted: list[str], cam_size: tuple[int, int], size: tuple[int, int], images: Tensor
) -> tuple[Tensor, Tensor]:
    """Return refined CAMs and saliency (N, H, W) in [0, 1] on pixels; saliency is empty where there is none."""
    made = network(images, outputs=wanted)
    cams = upsample(refine_cams(made.cams, made.pairwise_affinity), cam_size, network.grid)
    if network.saliency_output is None:
        return cams, cams.new_empty(0)
    soft = getattr(made, network.saliency_output).float().sigmoid()
    return cams, upsample(soft, size, network.grid)[:, 0]


Finished = tuple[str, dict[str, np.ndarray], np.ndarray]
"""An image, its arrays by kind, and the label values of its CAMs."""


class _Finish:
    """Makes the labels of a batch; can be pickled, for the CRF that needs processes."""

    def __init__(self, settings: UpdateLabels, dataset: Dataset, maps: ArtifactReader) -> None:
        self._settings, self._dataset, self._maps = settings, dataset, maps

    def __call__(self, item: _Refined) -> list[Finished]:
        with torch.inference_mode():
            saliency = self._saliency_labels(item)
            cams = item.cams.split(item.cams.chosen().cpu().numpy())
        ids, present = item.cams.ids, item.cams.present
        return [self._fused(*one) for one in zip(ids, cams, present, saliency, strict=True)]

    def _fused(self, image_id: str, cams: np.ndarray, present: np.ndarray, saliency: np.ndarray) -> Finished:
        settings, size, classes = self._settings, self._dataset.size(image_id), present.astype(np.uint8) + 1
        score, label = strongest_plane((resize_map(plane, size) for plane in cams), classes.tolist(), size)
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
            arrays["cams"] = cams.astype(np.float16)
        return image_id, arrays, classes

    def _saliency_labels(self, item: _Refined) -> list[np.ndarray]:
        """Make the soft saliency labels, (H, W) uint8 each at the size of the photograph."""
        maps = [self._maps.read("saliency", image_id) for image_id in item.cams.ids]
        if item.saliency is None:
            return maps
        seen = (item.images.shape[1], item.images.shape[2])
        originals = torch.from_numpy(np.stack([resize_map(original, seen) for original in maps]))
        mean = (item.saliency + originals.to(item.saliency.device) / 255) / 2
        if self._settings.saliency_crf is not None:
            mean = refine_saliency(mean.clamp(0, 1), item.images, self._settings.saliency_crf)
        labels = (mean * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        sizes = [self._dataset.size(image_id) for image_id in item.cams.ids]
        return [resize_map(label, size) for label, size in zip(labels, sizes, strict=True)]
