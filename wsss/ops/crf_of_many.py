"""The dense CRF of many images: in one lattice on a GPU, in threads on the CPU, whichever is faster."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from wsss.config import Crf
from wsss.ops.mean_field import Array, DenseCRF, DenseCRFBatch, as_tensor
from wsss.parallel import map_in_threads

Image = np.ndarray | Tensor

PIXELS_AT_ONCE = 2**21
"""Most pixels in one lattice: eleven photographs of VOC's size, about 1.4 GB with 21 labels."""


def crf_marginals(
    energies: Sequence[Array], images: Sequence[Image], params: Crf | None = None, backend: str = "auto"
) -> list[Array]:
    """Compute `DenseCRF.marginals` for many images, on the device of the energies, in the way that is fastest there.

    Args:
        energies: (K, H, W) for each image, or (B, K, H, W) for B unaries over it, B the same for all images; negative
            logarithms of probabilities, up to a constant per pixel.
        images: (H, W, 3) uint8 RGB, as many, of any sizes.
        params: Widths, compatibilities, iterations; None takes Gaussian 3/3, bilateral 80/13/10, 10 iterations.
        backend: `torch`, `pydensecrf`, or `auto`, which is `torch`.

    Returns:
        float32 of the energies' shapes, summing to 1 over K; an array for an array, a tensor for a tensor.

    Raises:
        ValueError: If shapes do not agree, values are not finite, or the backend is unknown.
        InputError: If the backend is `pydensecrf` and it is not installed.
    """
    return fastest(lambda some, theirs: marginals_at_once(some, theirs, params, backend), energies, images, backend)


def marginals_at_once(
    energies: Sequence[Array], images: Sequence[Image], params: Crf | None, backend: str
) -> list[Array]:
    """Compute what `crf_marginals` does in one lattice, or, by `pydensecrf`, image by image."""
    if backend in ("auto", "torch"):
        return DenseCRFBatch(images, params, as_tensor(energies[0]).device).marginals(energies)
    return [DenseCRF(image, params, backend).marginals(one) for image, one in zip(images, energies, strict=True)]


def fastest(
    function: Callable[[Sequence[Array], Sequence[Image]], list[Array]],
    maps: Sequence[Array],
    images: Sequence[Image],
    backend: str,
) -> list[Array]:
    """Call a function of several images: with many at a time on a GPU, with one at a time on the CPU.

    On a GPU the number of operations decides. On the CPU as many images are in work as there are cores, in threads of
    one core each, except with `pydensecrf`, which holds the interpreter's lock.

    Raises:
        ValueError: If there are not as many images as maps.
    """
    if backend != "pydensecrf" and any(isinstance(one, Tensor) and one.is_cuda for one in maps):
        return in_batches(function, maps, images, PIXELS_AT_ONCE)
    _check_count(maps, images)
    if len(maps) == 1:
        # within the thread that asks, which may be one of several
        return function(maps, images)
    pairs = [([one], [image]) for one, image in zip(maps, images, strict=True)]
    if backend == "pydensecrf":
        return [function(*pair)[0] for pair in pairs]
    workers = min(len(pairs), len(os.sched_getaffinity(0))) or 1
    return list(
        map_in_threads(lambda pair: function(*pair)[0], pairs, workers=workers, in_flight=2 * workers, torch_threads=1)
    )


def in_batches(
    function: Callable[[Sequence[Array], Sequence[Image]], list[Array]],
    maps: Sequence[Array],
    images: Sequence[Image],
    pixels_at_once: int,
) -> list[Array]:
    """Call a function of several images with runs of at most so many pixels, each of at least one image.

    A run for which the memory does not suffice is halved.

    Raises:
        ValueError: If there are not as many images as maps.
    """
    _check_count(maps, images)
    found: list[Array] = []
    for part in _runs([math.prod(image.shape[:2]) for image in images], pixels_at_once):
        found += _halved_if_needed(function, maps[part], images[part])
    return found


def _halved_if_needed(
    function: Callable[[Sequence[Array], Sequence[Image]], list[Array]], maps: Sequence[Array], images: Sequence[Image]
) -> list[Array]:
    try:
        return function(maps, images)
    except torch.OutOfMemoryError:
        if len(maps) == 1:
            raise
    # outside of the handler, which keeps what the attempt held
    torch.cuda.empty_cache()
    half = len(maps) // 2
    parts = slice(0, half), slice(half, None)
    return [one for part in parts for one in _halved_if_needed(function, maps[part], images[part])]


def _check_count(maps: Sequence[Array], images: Sequence[Image]) -> None:
    if len(maps) != len(images):
        raise ValueError(f"need one image for each of {len(maps)} probabilities, got {len(images)}")


def _runs(counts: Sequence[int], most: int) -> Iterator[slice]:
    """Cut numbers into runs whose sums are at most `most`, or of one number."""
    start = 0
    for end in range(1, len(counts) + 1):
        if end == len(counts) or sum(counts[start : end + 1]) > most:
            yield slice(start, end)
            start = end
