"""Asking a segmentation network by a protocol: scales, flip, CRF; what `predict` in all its forms shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss.config import Crf, Protocol
from wsss.context import RunContext
from wsss.data import Dataset
from wsss.models import AALR, AuxSegNet, Segmenter
from wsss.models.aalr import SEGMENTATION
from wsss.ops.crf import dense_crf
from wsss.ops.mean_field import as_tensor
from wsss.ops.probabilities import labels_at_size, multi_scale_probabilities
from wsss.stages.inference import image_label_tensor, in_chunks, map_beside_network
from wsss.training.checkpoint import load_model

SEGMENTATION_STAGES = ("train_segmenter", "train_auxsegnet", "train_aalr")
"""Stages whose checkpoints predict a segmentation."""


@dataclass(frozen=True)
class Scores:
    """Class probabilities of one image at the size that networks see, and what is needed to finish it.

    Attributes:
        image_id: Name of the image.
        probabilities: (K, h, w) float32, on the device of the network, or an array.
        image: (h, w, 3) uint8 likewise, what the CRF looks at; None where there is no CRF.
        size: Height and width of the photograph.
    """

    image_id: str
    probabilities: Tensor | np.ndarray
    image: Tensor | np.ndarray | None
    size: tuple[int, int]


def load_segmentation_network(
    path: Path, device: torch.device, class_names: Sequence[str] | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """A network from images to the logits of a segmentation, ready on the device, and its class names.

    Args:
        path: The checkpoint.
        device: Where the network is to be.
        class_names: What it must have been trained for, background first; None takes any.

    Raises:
        InputError: If the file is missing, damaged, another kind of network, or of other classes.
    """
    model, info = load_model(path, stage=SEGMENTATION_STAGES, class_names=class_names)
    network = SegmentationOnly(model) if isinstance(model, AuxSegNet | AALR) else model
    assert isinstance(network, Segmenter | SegmentationOnly)
    moved = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved, tuple(info.class_names)


class SegmentationOnly(nn.Module):
    """The segmentation of a multi-task network, refined where it is; what only its other tasks need is not computed."""

    def __init__(self, network: AuxSegNet | AALR) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes + 1, h, w) of images (N, 3, H, W) in [0, 1]."""
        name = SEGMENTATION[0] if isinstance(self.network, AALR) else self.network.segmentation_output
        return getattr(self.network(images, outputs=[name]), name)


def network_probabilities(model: nn.Module, images: Tensor, protocol: Protocol) -> Tensor:
    """Probabilities (N, K, H, W) of images (N, 3, H, W) in [0, 1], by the scales and flip of the protocol."""
    return multi_scale_probabilities(in_chunks(model), images, protocol.scales, protocol.flip)


def finish(scores: Iterator[Scores], crf: Crf | None, context: RunContext) -> Iterator[tuple[str, np.ndarray]]:
    """Labels (H, W) uint8 at the size of each photograph.

    The CRF works on several images at a time beside the network: on the GPU where the probabilities are there, else in
    threads with one core each, and for `pydensecrf`, which holds the interpreter's lock, in processes.
    """
    if crf is None:
        for item in scores:
            yield item.image_id, labels_at_size(as_tensor(item.probabilities), item.size).cpu().numpy()
        return
    reference = crf.backend == "pydensecrf"
    # an item is the scores of all classes, up to hundreds of MB: one in work for each worker and one waiting; and a
    # tensor that is one of a batch would be sent to a process with the whole batch
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
    """(N, K, 1, 1) float32: 1 for background and the classes that an image's labels name, else 0."""
    return functional.pad(image_label_tensor(dataset, ids, device), (1, 0), value=1)[:, :, None, None]


def scores_of_batch(
    ids: list[str], images: Tensor, probabilities: Tensor, sizes: list[tuple[int, int]], with_image: bool
) -> Iterator[Scores]:
    """The images of a batch one by one, where the batch is."""
    photographs = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1) if with_image else None
    for i, (image_id, size) in enumerate(zip(ids, sizes, strict=True)):
        yield Scores(image_id, probabilities[i], None if photographs is None else photographs[i].contiguous(), size)
