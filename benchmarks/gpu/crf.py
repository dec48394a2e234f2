"""The dense CRF: whether a GPU gives the marginals of a CPU, and how much faster than pydensecrf it is."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.dense_crf import PARAMETERS, random_probabilities
from benchmarks.gpu.machine import free_memory, median_seconds, peak_mib, seconds
from benchmarks.gpu.photographs import pixels
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from wsss.config import Crf
from wsss.ops import DenseCRF, dense_crf, saliency_energies
from wsss.ops.mean_field import DenseCRFBatch

SIZE = (375, 500)
PYDENSECRF = {21: 1.86, 3: 1.69}
"""Labels -> processor time of pydensecrf over that of this package, on one thread of an AMD EPYC (Zen 5): medians of
seven photographs, measured on 2026-11-26."""
LARGEST, AIM = 1e-3, 1e-5
TIMES, TIMES_AIM = 40, 100


def rows(setup: Setup) -> Iterator[Row]:
    """Yield differences of marginals, and times as multiples."""
    yield from _agreement(setup)
    images = [_of_size(image, setup.small) for image in pixels(setup, 4 if setup.small else 32)]
    for labels in (21, 3):
        yield from _speed(setup, images, labels)


def _agreement(setup: Setup) -> Iterator[Row]:
    """Compare with one image at a time on the CPU, which gives what pydensecrf does (docs/performance.md)."""
    images = pixels(setup, 2 if setup.small else 6)
    for name, (params, labels) in PARAMETERS.items():
        given = [random_probabilities(labels, image.shape[:2], seed) for seed, image in enumerate(images)]
        energies = [torch.from_numpy(saliency_energies(one[1]) if labels == 2 else -np.log(one)) for one in given]
        expected = [
            DenseCRF(image, params, "torch", "cpu").marginals(one) for image, one in zip(images, energies, strict=True)
        ]
        there = [one.to(setup.device) for one in energies]
        alone = [
            DenseCRF(image, params, "torch", setup.device).marginals(one)
            for image, one in zip(images, there, strict=True)
        ]
        together = DenseCRFBatch(images, params, torch.device(setup.device)).marginals(there)
        for words, found in (("one at a time", alone), ("in one lattice", together)):
            yield _difference(f"{name}: difference of a marginal, {words}", found, expected)


def _difference(what: str, found: Sequence[Tensor], expected: Sequence[Tensor]) -> Row:
    pairs = [(one.cpu(), other) for one, other in zip(found, expected, strict=True)]
    largest = max(float((one - other).abs().max()) for one, other in pairs)
    same = statistics.mean(float((one.argmax(0) == other.argmax(0)).float().mean()) for one, other in pairs)
    further = {"% of pixels with the same label": f"{100 * same:.4f}"}
    return Row(what, largest, most=LARGEST, aim=AIM, timed=False, further=further)


def _speed(setup: Setup, images: list[np.ndarray], labels: int) -> Iterator[Row]:
    """Compare times from probabilities to marginals, both lattices included."""
    params = Crf(minimum_probability=0)
    given = [random_probabilities(labels, image.shape[:2], seed) for seed, image in enumerate(images)]
    there = [torch.from_numpy(one).to(setup.device) for one in given]
    on_device = [torch.from_numpy(image).to(setup.device) for image in images]
    reference, words = _reference(images, given, params, labels)
    height, width = images[0].shape[:2]
    of = f"{labels} labels, {height} x {width}"
    yield Row(f"{of}: reference, {words}", 1e3 * reference, "ms a photograph")
    batch = min(8, len(images))

    def one_by_one() -> None:
        for one, image in zip(there[:batch], on_device[:batch], strict=True):
            dense_crf(one, image, params)

    yield _multiple(setup, f"{of}, one at a time", one_by_one, batch, reference, must=False)
    for count in sorted({batch, len(images)}):
        many = _Many(there[:count], on_device[:count], params)
        yield _multiple(setup, f"{of}, {count} at once", many, count, reference, must=count == len(images))


class _Many:
    """Calls the CRF on a list: in lattices of several images on a GPU, in threads on a CPU."""

    def __init__(self, probabilities: list[Tensor], images: list[Tensor], params: Crf) -> None:
        self._arguments = probabilities, images, params

    def __call__(self) -> None:
        dense_crf(*self._arguments)


def _multiple(setup: Setup, what: str, call: Callable[[], None], count: int, reference: float, *, must: bool) -> Row:
    free_memory(setup.device)
    taken = median_seconds(call, setup.device, repeats=1 if setup.small else 5) / count
    further: dict[str, float | str] = {"ms a photograph": 1e3 * taken}
    if setup.device == "cuda":
        further["MiB"] = peak_mib(setup.device)
    least = TIMES if must else None
    return Row(what, reference / taken, "times the reference", least=least, aim=TIMES_AIM, further=further)


def _reference(images: list[np.ndarray], given: list[np.ndarray], params: Crf, labels: int) -> tuple[float, str]:
    """Return the seconds of one process of pydensecrf per photograph, and how they were found."""
    backend, factor, words = "pydensecrf", 1.0, "pydensecrf, one process"
    if importlib.util.find_spec("pydensecrf") is None:
        backend, factor = "torch", PYDENSECRF[labels]
        words = f"this package on one thread of the CPU x {factor} (no pydensecrf here)"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = [
            seconds(lambda: DenseCRF(image, params, backend, "cpu").marginals(-np.log(one)), "cpu")  # noqa: B023
            for image, one in list(zip(images, given, strict=True))[:4]
        ]
    finally:
        torch.set_num_threads(threads)
    # the first builds the lattice of positions, which is kept
    return factor * statistics.median(taken[1:]), words


def _of_size(image: np.ndarray, small: bool) -> np.ndarray:
    """Cut or repeat a photograph to the size that is timed."""
    height, width = (length // 5 for length in SIZE) if small else SIZE
    times = (-(-height // image.shape[0]), -(-width // image.shape[1]), 1)
    return np.ascontiguousarray(np.tile(image, times)[:height, :width])
