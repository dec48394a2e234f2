"""Segment images by a protocol (scales, flip, CRF). Shared by all stages that segment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wsss.config import Crf, Protocol
from wsss.context import RunContext
from wsss.data import Dataset
from wsss.data.images import resize_labels
from wsss.data.windows import parted
from wsss.models.network import SegmentationNetwork
from wsss.ops.crf import dense_crf
from wsss.ops.mean_field import as_tensor
from wsss.ops.probabilities import labels_at_size, multi_scale_probabilities
from wsss.stages.forward import Forward
from wsss.stages.inference import image_batches, image_label_tensor, map_beside_network, pixels_of
from wsss.stages.tiled_labels import tiled_labels


@dataclass(frozen=True)
class Scores:
    """Class probabilities of a batch of images at the size that networks see, with the data to finish them.

    Attributes:
        ids: Names of the images.
        probabilities: (N, K, h, w) float32, a tensor on the network's device, or an array.
        images: (N, h, w, 3) uint8 likewise, for the CRF; None without a CRF.
        sizes: Height and width of each photograph.
    """

    ids: Sequence[str]
    probabilities: Tensor | np.ndarray
    images: Tensor | np.ndarray | None
    sizes: Sequence[tuple[int, int]]

    def one_by_one(self) -> Iterator[Scores]:
        """Yield the images of the batch, each a batch of its own."""
        for i, (image_id, size) in enumerate(zip(self.ids, self.sizes, strict=True)):
            images = None if self.images is None else self.images[i : i + 1]
            yield Scores([image_id], self.probabilities[i : i + 1], images, [size])

    def as_arrays(self) -> Scores:
        """Copy all to the host: a tensor that is a part of a batch would be sent to a process with the whole batch."""
        images = None if self.images is None else as_tensor(self.images).cpu().numpy()
        return replace(self, probabilities=as_tensor(self.probabilities).cpu().numpy(), images=images)


Labels = tuple[str, np.ndarray]
"""The name of an image, and its labels (H, W) uint8 at the size of the photograph."""


def segmented(
    network: SegmentationNetwork,
    dataset: Dataset,
    ids: Sequence[str],
    protocol: Protocol,
    context: RunContext,
    device: torch.device,
    *,
    named_classes: bool = False,
) -> Iterator[Labels]:
    """Segment images of a data set, in batches.

    Args:
        network: On the device.
        dataset: Where the images are.
        ids: The images.
        protocol: Scales, flip, CRF.
        context: Batch size, workers, precision.
        device: Where to work.
        named_classes: Whether only background and the classes that an image's labels name can be found in it.
    """
    whole, large = parted(protocol.tiles, ids, dataset.network_size)
    scores = _scores(network, dataset, whole, protocol, context, device, named_classes)
    return chain(
        finish(scores, protocol.crf, context),
        _tiled(network, dataset, large, protocol, context, device, named_classes),
    )


def _tiled(
    network: SegmentationNetwork,
    dataset: Dataset,
    ids: Sequence[str],
    protocol: Protocol,
    context: RunContext,
    device: torch.device,
    named_classes: bool,
) -> Iterator[Labels]:
    """Segment images one after the other, each in tiles."""
    forward = Forward(device, context)
    for image_id in ids:
        allowed = _allowed_classes(dataset, [image_id], device) if named_classes else None

        def probabilities(images: Tensor, allowed: Tensor | None = allowed) -> Tensor:
            found = network_probabilities(network, images, protocol, forward)
            return found if allowed is None else _among(found, allowed)

        labels = tiled_labels(
            probabilities, dataset.photograph(image_id), dataset.network_size(image_id), protocol, device
        )
        yield image_id, resize_labels(labels, dataset.size(image_id))


def _scores(
    network: SegmentationNetwork,
    dataset: Dataset,
    ids: Sequence[str],
    protocol: Protocol,
    context: RunContext,
    device: torch.device,
    named_classes: bool,
) -> Iterator[Scores]:
    forward = Forward(device, context)
    for batch_ids, images in image_batches(dataset, ids, context, device):
        probabilities = network_probabilities(network, images, protocol, forward)
        if named_classes:
            probabilities = _among(probabilities, _allowed_classes(dataset, batch_ids, device))
        sizes = [dataset.size(image_id) for image_id in batch_ids]
        yield Scores(batch_ids, probabilities, pixels_of(images) if protocol.crf else None, sizes)


def network_probabilities(network: SegmentationNetwork, images: Tensor, protocol: Protocol, forward: Forward) -> Tensor:
    """Compute probabilities (N, K, H, W) of images (N, 3, H, W) in [0, 1], at the protocol's scales and flip."""
    compute = partial(forward, network.segment)
    return multi_scale_probabilities(compute, images, protocol.scales, protocol.flip, network.grid, protocol.combine)


def finish(batches: Iterable[Scores], crf: Crf | None, context: RunContext) -> Iterator[Labels]:
    """Turn scores into labels at the size of each photograph, beside the network.

    Where the scores are on a GPU, a batch is finished there as a whole. Else several images are, in threads with one
    core each; `pydensecrf` holds the interpreter's lock, so it works in processes.
    """
    reference = crf is not None and crf.backend == "pydensecrf"
    items = chain.from_iterable(map(_parts, batches))
    # An item holds the scores of all classes, up to hundreds of MB: so keep one per worker and one waiting.
    found = map_beside_network(
        _Finish(crf),
        (item.as_arrays() for item in items) if reference and context.workers else items,
        context,
        what="dense CRF",
        in_flight=context.workers + 1,
        holds_the_lock=reference,
    )
    return chain.from_iterable(found)


def _parts(batch: Scores) -> Iterable[Scores]:
    on_gpu = isinstance(batch.probabilities, Tensor) and batch.probabilities.is_cuda
    return [batch] if on_gpu else batch.one_by_one()


@dataclass(frozen=True)
class _Finish:
    """Finishes a batch; picklable, for the CRF that needs processes."""

    crf: Crf | None

    def __call__(self, item: Scores) -> list[Labels]:
        with torch.inference_mode():
            scores: list[Any] = list(item.probabilities)
            if self.crf is not None:
                assert item.images is not None
                scores = dense_crf(scores, list(item.images), self.crf, self.crf.backend)
            labels = [labels_at_size(as_tensor(s), size) for s, size in zip(scores, item.sizes, strict=True)]
            return [(image_id, found.cpu().numpy()) for image_id, found in zip(item.ids, labels, strict=True)]


def _among(probabilities: Tensor, allowed: Tensor) -> Tensor:
    """Leave probabilities (N, K, h, w) to the allowed classes (N, K, 1, 1) alone; changes them."""
    probabilities *= allowed
    return probabilities.div_(probabilities.sum(1, keepdim=True).clamp(min=1e-8))


def _allowed_classes(dataset: Dataset, ids: Sequence[str], device: torch.device) -> Tensor:
    """Return (N, K, 1, 1) float32: 1 for background and the classes that an image's labels name, else 0."""
    return functional.pad(image_label_tensor(dataset, ids, device), (1, 0), value=1)[:, :, None, None]
