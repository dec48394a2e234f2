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
    segmenter = _Segmenter(network, dataset, protocol, Forward(device, context), device, named_classes)
    return chain(
        finish(segmenter.scores(image_batches(dataset, whole, context, device)), protocol.crf, context),
        segmenter.labels_in_tiles(large),
    )


@dataclass(frozen=True)
class _Segmenter:
    """A network on the images of a data set; the arguments of `segmented`."""

    network: SegmentationNetwork
    dataset: Dataset
    protocol: Protocol
    forward: Forward
    device: torch.device
    named_classes: bool

    def scores(self, batches: Iterable[tuple[Sequence[str], Tensor]]) -> Iterator[Scores]:
        """Yield the scores of images that are seen whole, in batches of names and images (N, 3, h, w)."""
        for ids, images in batches:
            found = self._probabilities(images, self._allowed(ids))
            sizes = [self.dataset.size(image_id) for image_id in ids]
            yield Scores(ids, found, pixels_of(images) if self.protocol.crf else None, sizes)

    def labels_in_tiles(self, ids: Iterable[str]) -> Iterator[Labels]:
        """Yield the labels of images one after the other, each seen in tiles."""
        for image_id in ids:
            probabilities = partial(self._probabilities, allowed=self._allowed([image_id]))
            size, photograph = self.dataset.network_size(image_id), self.dataset.photograph(image_id)
            labels = tiled_labels(probabilities, photograph, size, self.protocol, self.device)
            yield image_id, resize_labels(labels, self.dataset.size(image_id))

    def _probabilities(self, images: Tensor, allowed: Tensor | None) -> Tensor:
        found = network_probabilities(self.network, images, self.protocol, self.forward)
        return found if allowed is None else _among(found, allowed)

    def _allowed(self, ids: Sequence[str]) -> Tensor | None:
        return _allowed_classes(self.dataset, ids, self.device) if self.named_classes else None


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
    # where all of them are lost in rounding, they are equal: a pixel is one of them all the same
    probabilities.addcmul_(allowed, (probabilities.sum(1, keepdim=True) == 0).to(probabilities))
    return probabilities.div_(probabilities.sum(1, keepdim=True).clamp(min=1e-8))


def _allowed_classes(dataset: Dataset, ids: Sequence[str], device: torch.device) -> Tensor:
    """Return (N, K, 1, 1) float32: 1 for background, if there is one, and the classes that labels name, else 0."""
    named = image_label_tensor(dataset, ids, device)
    return functional.pad(named, (1, 0), value=float(dataset.background))[:, :, None, None]
