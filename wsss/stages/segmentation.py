"""Asking a segmentation network by a protocol: scales, flip, CRF; what `predict` in all its forms shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wsss.config import Crf, Protocol
from wsss.context import RunContext
from wsss.models import AALR, AuxSegNet, Segmenter
from wsss.models.aalr import SEGMENTATION
from wsss.ops.crf import dense_crf
from wsss.ops.mean_field import as_tensor
from wsss.ops.probabilities import labels_at_size, multi_scale_probabilities
from wsss.parallel import map_in_processes, map_in_threads
from wsss.stages.inference import in_chunks, resolve_device
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
    network = _SegmentationOnly(model) if isinstance(model, AuxSegNet | AALR) else model
    assert isinstance(network, Segmenter | _SegmentationOnly)
    moved = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved, tuple(info.class_names)


class _SegmentationOnly(nn.Module):
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
    refine = _Refinement(crf)
    # an item is the scores of all classes, up to hundreds of MB: one in work for each worker and one waiting
    workers, in_flight = context.workers, context.workers + 1
    if workers == 0 or resolve_device(context).type != "cpu":
        yield from map(refine, scores)
    elif crf.backend == "pydensecrf":
        # a tensor that is one of a batch would be sent with the whole batch
        arrays = (_as_arrays(item) for item in scores)
        yield from map_in_processes(refine, arrays, workers=workers, what="dense CRF", in_flight=in_flight)
    else:
        yield from map_in_threads(refine, scores, workers=workers, in_flight=in_flight, torch_threads=1)


@dataclass(frozen=True)
class _Refinement:
    crf: Crf

    def __call__(self, item: Scores) -> tuple[str, np.ndarray]:
        assert item.image is not None
        refined = dense_crf(item.probabilities, item.image, self.crf, self.crf.backend)
        return item.image_id, labels_at_size(as_tensor(refined), item.size).cpu().numpy()


def _as_arrays(item: Scores) -> Scores:
    image = None if item.image is None else as_tensor(item.image).numpy()
    return Scores(item.image_id, as_tensor(item.probabilities).numpy(), image, item.size)


def scores_of_batch(
    ids: list[str], images: Tensor, probabilities: Tensor, sizes: list[tuple[int, int]], with_image: bool
) -> Iterator[Scores]:
    """The images of a batch one by one, where the batch is."""
    photographs = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1) if with_image else None
    for i, (image_id, size) in enumerate(zip(ids, sizes, strict=True)):
        yield Scores(image_id, probabilities[i], None if photographs is None else photographs[i].contiguous(), size)
