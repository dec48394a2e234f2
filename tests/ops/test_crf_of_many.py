"""The dense CRF of many images in one lattice: what each would get alone, for the operations of one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.ops.operations import Operations
from tests.ops.photographs import photographs, probabilities
from tests.ops.test_mean_field import ONLINE, SALIENCY, SEGMENTATION
from wsss.config import Crf
from wsss.ops import DenseCRF, DenseCRFBatch, crf_marginals, dense_crf, dense_crf_batch
from wsss.ops.crf_of_many import Image, in_batches
from wsss.ops.mean_field import Array
from wsss.ops.permutohedral import build_lattice

SAME = photographs()[::3]
"""Eight photographs of one size."""

MIXED = photographs()[:5]
"""Of three sizes, one of them with a number of pixels that is no multiple of four."""


def _energies(labels: list[int], images: list[np.ndarray]) -> list[np.ndarray]:
    return [
        -np.log(probabilities(count, image.shape[:2], seed))
        for seed, (count, image) in enumerate(zip(labels, images, strict=True))
    ]


@pytest.mark.parametrize("params", [SALIENCY, SEGMENTATION, ONLINE, Crf(gaussian_compat=0), Crf(bilateral_compat=0)])
@pytest.mark.parametrize("images", [SAME[:3], MIXED], ids=["of one size", "of several sizes"])
def test_each_image_gets_what_it_gets_alone(params: Crf, images: list[np.ndarray]) -> None:
    energies = _energies([2, 5, 3, 2, 4][: len(images)], images)
    together = DenseCRFBatch(images, params).marginals(energies)
    for image, one, found in zip(images, energies, together, strict=True):
        alone = DenseCRF(image, params).marginals(one)
        assert found.shape == one.shape
        assert np.abs(found - alone).max() < 1e-6
        assert np.abs(found.sum(0) - 1).max() < 1e-5


def test_images_do_not_touch_each_other() -> None:
    energies = _energies([3, 3], SAME[:2])
    first = DenseCRFBatch(SAME[:2]).marginals(energies)[0]
    other = DenseCRFBatch([SAME[0], SAME[5]]).marginals([energies[0], 4 * energies[1]])[0]
    assert np.array_equal(first, other)


def test_several_unaries_over_each_of_several_images() -> None:
    energies = [np.stack([one, 2 * one]) for one in _energies([2, 4], MIXED[:2])]
    together = crf_marginals(energies, MIXED[:2])
    for image, one, found in zip(MIXED, energies, DenseCRFBatch(MIXED[:2]).marginals(energies), strict=False):
        assert np.abs(found - DenseCRF(image).marginals(one)).max() < 1e-6
    assert [found.shape for found in together] == [one.shape for one in energies]


def test_strong_kernels_do_not_overflow_beside_labels_that_an_image_has_not() -> None:
    energies = [1e4 * one for one in _energies([2, 4], MIXED[:2])]
    for found in DenseCRFBatch(MIXED[:2], Crf(bilateral_compat=400)).marginals(energies):
        assert np.isfinite(found).all()
        assert np.allclose(found.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
@pytest.mark.parametrize("pixels_at_once", [1, 2 * 120 * 160, 2**21])
def test_probabilities_at_once_are_those_one_at_a_time(kind: str, pixels_at_once: int) -> None:
    given = [probabilities(count, image.shape[:2], 7) for count, image in zip([4, 2, 6, 3, 3], MIXED, strict=True)]
    # labels to leave out, another number in each image
    given = [np.concatenate([0.995 * one, np.full((1, *one.shape[1:]), 0.005, np.float32)]) for one in given]
    wrapped: list[Any] = [torch.from_numpy(one) for one in given] if kind == "tensors" else given
    together = dense_crf_batch(wrapped, MIXED, pixels_at_once=pixels_at_once)
    for one, image, found in zip(given, MIXED, together, strict=True):
        assert isinstance(found, Tensor) == (kind == "tensors")
        alone = dense_crf(one, image)
        assert np.abs(np.asarray(found) - alone).max() < 1e-6
        assert np.array_equal(np.asarray(found)[-1], np.zeros(image.shape[:2]))


def test_no_lattice_has_more_pixels_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[tuple[int, int]]] = []

    class Recorder(DenseCRFBatch):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            seen.append(self.sizes)

    monkeypatch.setattr("wsss.ops.crf_of_many.DenseCRFBatch", Recorder)
    given = [probabilities(2, image.shape[:2], 0) for image in SAME[:5]]
    dense_crf_batch(given, SAME[:5], pixels_at_once=2 * 120 * 160 + 1)
    assert [len(sizes) for sizes in seen] == [2, 2, 1]


def test_a_run_out_of_memory_is_halved_until_it_fits() -> None:
    calls: list[int] = []

    def small(maps: Sequence[Array], images: Sequence[Image]) -> list[Array]:
        calls.append(len(maps))
        if len(maps) > 2:
            raise torch.OutOfMemoryError("no memory")
        return list(maps)

    maps = [np.full((1, 2, 2), number) for number in range(7)]
    images = [np.zeros((2, 2, 3), np.uint8)] * 7
    found = in_batches(small, maps, images, 1000)
    assert [one[0, 0, 0] for one in found] == list(range(7))
    assert calls == [7, 3, 1, 2, 4, 2, 2]


def test_long_rows_that_are_cut_change_rounding_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    energies = _energies([3, 3], MIXED[:2])
    whole = DenseCRFBatch(MIXED[:2]).marginals(energies)
    monkeypatch.setattr("wsss.ops.crf_kernels.build_lattice", partial(build_lattice, largest_piece=16))
    cut = DenseCRFBatch(MIXED[:2])
    assert all(lattice.joins is not None for lattice in cut.kernels.lattices)
    for expected, found in zip(whole, cut.marginals(energies), strict=True):
        assert np.abs(expected - found).max() < 1e-5


def test_a_batch_takes_the_operations_of_one_image_and_few_reads() -> None:
    given = [torch.from_numpy(probabilities(3, image.shape[:2], seed)) for seed, image in enumerate(SAME)]
    images = [torch.from_numpy(image) for image in SAME]
    dense_crf(given[0], images[0])  # the lattice that is kept is not counted
    with Operations() as single:
        for one, image in zip(given, images, strict=True):
            dense_crf(one, image)
    with Operations() as batch:
        dense_crf_batch(given, images)
    assert sum(single.counts.values()) > 6 * sum(batch.counts.values())
    assert batch.reads <= 6
    with Operations() as mixed:
        dense_crf_batch([given[0], given[1][:, :, :90]], [images[0], images[1][:, :90]])
    assert mixed.reads <= 8


def test_as_many_images_as_energies_with_as_many_unaries() -> None:
    energies = _energies([2, 2], MIXED[:2])
    with pytest.raises(ValueError, match="energies for each of 2 images, got 1"):
        DenseCRFBatch(MIXED[:2]).marginals(energies[:1])
    with pytest.raises(ValueError, match=r"as many unaries for each image, got \[1, 2\]"):
        DenseCRFBatch(MIXED[:2]).marginals([energies[0], np.stack([energies[1]] * 2)])
    with pytest.raises(ValueError, match="at least one image"):
        DenseCRFBatch([])
    with pytest.raises(ValueError, match="one image for each of 2"):
        dense_crf_batch(energies, MIXED[:1])
    energies[1][0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"energies \(2, 97, 131\) hold values that are not finite"):
        crf_marginals(energies, MIXED[:2])
    assert dense_crf_batch([], []) == []


@pytest.mark.gpu
def test_a_gpu_takes_one_lattice_for_all_and_gives_the_same() -> None:
    given = [probabilities(4, image.shape[:2], seed) for seed, image in enumerate(MIXED)]
    found = dense_crf([torch.from_numpy(one).cuda() for one in given], MIXED)
    for one, image, result in zip(given, MIXED, found, strict=True):
        # 6.7e-5 on an H200, which adds up long rows in pieces; another simplex would change a marginal by 1e-3
        assert np.abs(result.cpu().numpy() - dense_crf(one, image)).max() < 2e-4
