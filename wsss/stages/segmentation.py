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
from wsss.models import Segmenter
from wsss.ops.crf import dense_crf
from wsss.ops.probabilities import labels_at_size, multi_scale_probabilities
from wsss.parallel import map_in_processes
from wsss.stages.inference import in_chunks
from wsss.training.checkpoint import load_model

SEGMENTATION_STAGES = ("train_segmenter",)
"""Stages whose checkpoints predict a segmentation."""


@dataclass(frozen=True)
class Scores:
    """Class probabilities of one image at the size that networks see, and what is needed to finish it.

    Attributes:
        image_id: Name of the image.
        probabilities: (K, h, w) float32.
        image: (h, w, 3) uint8, what the CRF looks at; None where there is no CRF.
        size: Height and width of the photograph.
    """

    image_id: str
    probabilities: np.ndarray
    image: np.ndarray | None
    size: tuple[int, int]


def load_segmentation_network(
    path: Path, device: torch.device, class_names: Sequence[str] | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """A network that predicts a segmentation, ready on the device, and its class names.

    Args:
        path: The checkpoint.
        device: Where the network is to be.
        class_names: What it must have been trained for, background first; None takes any.

    Raises:
        InputError: If the file is missing, damaged, another kind of network, or of other classes.
    """
    model, info = load_model(path, stage=SEGMENTATION_STAGES, class_names=class_names)
    assert isinstance(model, Segmenter)
    moved = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved, tuple(info.class_names)


def network_probabilities(model: nn.Module, images: Tensor, protocol: Protocol) -> Tensor:
    """Probabilities (N, K, H, W) of images (N, 3, H, W) in [0, 1], by the scales and flip of the protocol."""
    return multi_scale_probabilities(in_chunks(model), images, protocol.scales, protocol.flip)


def finish(scores: Iterator[Scores], crf: Crf | None, context: RunContext) -> Iterator[tuple[str, np.ndarray]]:
    """Labels (H, W) uint8 at the size of each photograph; the CRF runs in worker processes beside the network."""
    if crf is None:
        for item in scores:
            yield item.image_id, labels_at_size(torch.from_numpy(item.probabilities), item.size).numpy()
        return
    # an item is the scores of all classes, up to hundreds of MB: one in work for each process and one waiting
    in_flight = context.workers + 1
    refined = map_in_processes(_Refinement(crf), scores, workers=context.workers, what="dense CRF", in_flight=in_flight)
    for image_id, probabilities, size in refined:
        yield image_id, labels_at_size(torch.from_numpy(probabilities), size).numpy()


@dataclass(frozen=True)
class _Refinement:
    crf: Crf

    def __call__(self, item: Scores) -> tuple[str, np.ndarray, tuple[int, int]]:
        assert item.image is not None
        refined = dense_crf(item.probabilities, item.image, self.crf, self.crf.backend)
        return item.image_id, refined, item.size


def scores_of_batch(
    ids: list[str], images: Tensor, probabilities: Tensor, sizes: list[tuple[int, int]], with_image: bool
) -> Iterator[Scores]:
    """The images of a batch one by one, on the CPU."""
    on_cpu = probabilities.cpu().numpy()
    photographs = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy() if with_image else None
    for i, (image_id, size) in enumerate(zip(ids, sizes, strict=True)):
        yield Scores(image_id, on_cpu[i], None if photographs is None else photographs[i], size)
