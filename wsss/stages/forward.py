"""Forward passes of inference stages: in the device's precision, in parts that its memory holds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor

from wsss.context import RunContext
from wsss.errors import InputError
from wsss.models.precision import computes_in_bf16

PIXELS_PER_FORWARD = {"cpu": 800_000, "cuda": 40_000_000}
"""Most input pixels of one forward pass: few enough for a CPU's caches and for 4 GB, enough to fill a GPU."""

logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Forward:
    """Runs a network on batches, in parts of as many images as the device handles well.

    A part for which the memory does not suffice is halved and tried again, and later ones start from that size.

    Args:
        device: Of the network.
        context: Precision, and most pixels of a part.

    Attributes:
        pixels: Most input pixels of a part; a single image may have more.
    """

    def __init__(self, device: torch.device, context: RunContext = RunContext()) -> None:
        self.pixels = context.pixels_per_forward or PIXELS_PER_FORWARD[device.type]
        self._device, self._half = device, computes_in_bf16(context.precision, device)

    def __call__(self, compute: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Apply a function of images (N, 3, H, W) part by part, and join its results."""
        return torch.cat(self.parts(compute, images))

    def parts(self, compute: Callable[..., _Result], images: Tensor, *others: Tensor) -> list[_Result]:
        """Apply a function of images (N, 3, H, W) part by part, and list its results.

        Args:
            compute: Of the images of a part, and of the others'.
            images: The batch.
            others: Divided along, (N, ...) each.

        Raises:
            InputError: If the memory does not suffice for a single image.
        """
        made: list[_Result] = []
        start, area = 0, images.shape[2] * images.shape[3]
        while start < len(images):
            count = max(1, self.pixels // area)
            found = self._try(compute, *(tensor[start : start + count] for tensor in (images, *others)))
            if found is None:
                self._halve(min(count, len(images) - start), area)
                continue
            made.append(found[0])
            start += count
        return made

    def _try(self, compute: Callable[..., _Result], *part: Tensor) -> tuple[_Result] | None:
        """Compute one part; return None where the memory does not suffice."""
        try:
            with self._precision():
                return (compute(*part),)
        except torch.OutOfMemoryError:
            return None

    def _halve(self, count: int, area: int) -> None:
        if count == 1:
            raise InputError(
                f"{self._device}: its memory does not suffice for one image of {area} px; set data.max_side or the "
                "largest scale lower, or runtime.device to `cpu`"
            )
        # what the failed attempt held is free only now, after its frames are gone
        torch.cuda.empty_cache()
        self.pixels = count // 2 * area
        logger.info("memory of %s does not suffice for %d images at once; trying %d", self._device, count, count // 2)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self._device.type, torch.bfloat16) if self._half else nullcontext()
