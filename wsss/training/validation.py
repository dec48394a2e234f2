"""Validation during and after training: quick numbers of one scale, at the size that networks see.

The stage `evaluate` makes the numbers that are reported; these tell whether a training goes well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wsss.config import Training
from wsss.context import RunContext
from wsss.data.loaders import ImageSource, WholeImages, make_loader
from wsss.label_values import class_values
from wsss.models.network import Network, SegmentationNetwork
from wsss.ops.metrics import class_scores, confusion_matrix, mean
from wsss.ops.upsampling import upsample
from wsss.parallel import map_in_threads
from wsss.progress import track
from wsss.training.module import to_input


def batch_limits(settings: Training, context: RunContext) -> dict[str, int]:
    """Limit a validation: at once, as many images as inference, and four times the pixels of a training step.

    That takes no more memory than the step, for nothing is kept for a backward pass.
    """
    pixels = 4 * settings.batch_size * settings.augmentation.side**2
    return {"workers": context.workers, "batch_size": context.batch_size, "pixels": pixels}


class Validation(ABC):
    """Measures a network on a split; a subclass says by which numbers.

    Images are whole, at scale 1, in the sizes that networks see; batches hold images of one size.

    Args:
        images: The data set.
        split: Its split.
        class_names: Background first.
        workers: Loader processes.
        batch_size: Images in a batch at most.
        pixels: Pixels in a batch at most, about.
    """

    wants_masks = False
    metric = ""

    def __init__(
        self,
        images: ImageSource,
        split: str,
        class_names: Sequence[str],
        *,
        workers: int,
        batch_size: int,
        pixels: int,
    ) -> None:
        self._data = WholeImages(images, images.ids(split), masks=self.wants_masks)
        self.class_names, self._workers = tuple(class_names), workers
        self._batches = self._data.batches(batch_size, pixels)
        self._split = split

    def __call__(
        self,
        network: Network,
        device: torch.device,
        precision: Callable[[], AbstractContextManager[Any]],
        check: Callable[[], None],
    ) -> dict[str, Any]:
        """Measure the network, and return plain, JSON-able numbers.

        Args:
            network: On the device; left in the mode that it was in.
            device: Where it computes.
            precision: Context of mixed precision.
            check: Called after every batch; may raise to stop.
        """
        training = network.training
        network.eval()
        try:
            # searching for the fastest convolution pays for equal sizes, not for the many of whole images
            with torch.no_grad(), _without_search():
                return self._measure(self._outputs(network, device, precision, check))
        finally:
            network.train(training)

    def _outputs(
        self,
        network: Network,
        device: torch.device,
        precision: Callable[[], AbstractContextManager[Any]],
        check: Callable[[], None],
    ) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        loader = make_loader(self._data, self._batches, workers=self._workers, pin_memory=device.type == "cuda")
        for batch in track(loader, f"validation on {self._split}", len(self._batches), unit="batches"):
            with precision():
                output = self._ask(network, to_input(batch["images"].to(device, non_blocking=True)))
            yield output, batch
            check()

    @abstractmethod
    def _ask(self, network: Network, images: Tensor) -> Tensor:
        """Compute the output to measure, of images (N, 3, H, W) in [0, 1]."""

    @abstractmethod
    def _measure(self, outputs: Iterator[tuple[Tensor, dict[str, Tensor]]]) -> dict[str, Any]:
        """Compute the numbers from the outputs of `_ask`, batch by batch."""

    def _describe(self) -> dict[str, Any]:
        return {"split": self._split, "images": len(self._data), "protocol": "whole images, scale 1, no flip, no CRF"}


@contextmanager
def _without_search() -> Iterator[None]:
    """Keep cuDNN from searching for the fastest convolution within the block.

    `torch.backends.cudnn.flags` would reset what it is not given, and turn cuDNN off with it.
    """
    searches = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = searches


class SegmentationValidation(Validation):
    """Mean intersection over union; a class without a pixel in truth or prediction is left out."""

    wants_masks = True
    metric = "miou"

    def _ask(self, network: Network, images: Tensor) -> Tensor:
        assert isinstance(network, SegmentationNetwork)
        logits = upsample(network.segment(images), (images.shape[2], images.shape[3]), network.grid)
        return logits.argmax(dim=1).to(torch.uint8)

    def _measure(self, outputs: Iterator[tuple[Tensor, dict[str, Tensor]]]) -> dict[str, Any]:
        classes = len(self.class_names) - 1
        matrix = np.zeros((classes + 2, classes + 2), dtype=np.int64)
        # beside the network: on a GPU, waiting for a batch's result would keep the next one from being begun
        for counted in map_in_threads(partial(_count, classes), outputs, workers=1, in_flight=2):
            matrix += counted
        iou = class_scores(matrix).iou
        value = mean(iou)
        return {
            "miou": None if np.isnan(value) else float(value),
            "iou": {
                self.class_names[value]: None if np.isnan(iou[value]) else float(iou[value])
                for value in class_values(self.class_names)
            },
            **self._describe(),
        }


def _count(classes: int, output: tuple[Tensor, dict[str, Tensor]]) -> np.ndarray:
    """Count the pixels of a batch by true and predicted label."""
    predicted, batch = output
    pairs = zip(batch["labels"].numpy(), predicted.cpu().numpy(), strict=True)
    return np.sum([confusion_matrix(truth, labels, classes) for truth, labels in pairs], axis=0)
