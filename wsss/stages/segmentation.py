"""Segment images by a protocol (scales, flip, CRF). Shared by all stages that segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wsss.config import Crf, Protocol
from wsss.context import RunContext
from wsss.data import Dataset
from wsss.models.network import SegmentationNetwork
from wsss.ops.crf import dense_crf
from wsss.ops.mean_field import as_tensor
from wsss.ops.probabilities import labels_at_size, multi_scale_probabilities
from wsss.stages.inference import image_label_tensor, in_chunks, map_beside_network


@dataclass(frozen=True)
class Scores:
    """Class probabilities of one image at the size that networks see, with the data to finish it.

    Attributes:
        image_id: Name of the image.
        probabilities: (K, h, w) float32, a tensor on the network's device, or an array.
        image: (h, w, 3) uint8 likewise, for the CRF; None without a CRF.
        size: Height and width of the photograph.
    """

    image_id: str
    probabilities: Tensor | np.ndarray
    image: Tensor | np.ndarray | None
    size: tuple[int, int]


def network_probabilities(network: SegmentationNetwork, images: Tensor, protocol: Protocol) -> Tensor:
    """Compute probabilities (N, K, H, W) of images (N, 3, H, W) in [0, 1], at the protocol's scales and flip."""
    return multi_scale_probabilities(in_chunks(network.segment), images, protocol.scales, protocol.flip, network.grid)


def finish(scores: Iterator[Scores], crf: Crf | None, context: RunContext) -> Iterator[tuple[str, np.ndarray]]:
    """Turn scores into labels (H, W) uint8 at the size of each photograph.

    The CRF works beside the network: on the GPU if the probabilities are there, else on several images at a time, in
    threads with one core each. `pydensecrf` holds the interpreter's lock, so it works in processes.
    """
    if crf is None:
        for item in scores:
            yield item.image_id, labels_at_size(as_tensor(item.probabilities), item.size).cpu().numpy()
        return
    reference = crf.backend == "pydensecrf"
    # An item holds the scores of all classes, up to hundreds of MB: so keep one per worker and one waiting.
    # Processes get arrays: a tensor that is a part of a batch would be sent with the whole batch.
    yield from map_beside_network(
        _Refinement(crf),
        map(_as_arrays, scores) if reference and context.workers else scores,
        context,
        what="dense CRF",
        in_flight=context.workers + 1,
        holds_the_lock=reference,
    )


@dataclass(frozen=True)
class _Refinement:
    crf: Crf

    def __call__(self, item: Scores) -> tuple[str, np.ndarray]:
        assert item.image is not None
        refined = dense_crf(item.probabilities, item.image, self.crf, self.crf.backend)
        return item.image_id, labels_at_size(as_tensor(refined), item.size).cpu().numpy()


def _as_arrays(item: Scores) -> Scores:
    image = None if item.image is None else as_tensor(item.image).cpu().numpy()
    return Scores(item.image_id, as_tensor(item.probabilities).cpu().numpy(), image, item.size)


def allowed_classes(dataset: Dataset, ids: Sequence[str], device: torch.device) -> Tensor:
    """Return (N, K, 1, 1) float32: 1 for background and the classes that an image's labels name, else 0."""
    return functional.pad(image_label_tensor(dataset, ids, device), (1, 0), value=1)[:, :, None, None]


def scores_of_batch(
    ids: list[str], images: Tensor, probabilities: Tensor, sizes: list[tuple[int, int]], with_image: bool
) -> Iterator[Scores]:
    """Yield the images of a batch one by one, on the batch's device."""
    photographs = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1) if with_image else None
    for i, (image_id, size) in enumerate(zip(ids, sizes, strict=True)):
        yield Scores(image_id, probabilities[i], None if photographs is None else photographs[i].contiguous(), size)
