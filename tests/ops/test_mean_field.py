"""The dense CRF in PyTorch: the same marginals as the C++ code of its authors, whatever is asked at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from tests.ops.photographs import photographs, probabilities
from wsss.config import Crf
from wsss.ops import DenseCRF, saliency_energies

SALIENCY = Crf(gaussian_sxy=3, gaussian_compat=3, bilateral_sxy=60, bilateral_srgb=5, bilateral_compat=5, iterations=1)
"""AuxSegNet, released code: the CRF of saliency labels."""

SEGMENTATION = Crf(gaussian_sxy=4, gaussian_compat=3, bilateral_sxy=83, bilateral_srgb=5, bilateral_compat=3)
"""AuxSegNet, released code: the CRF of predictions."""

ONLINE = Crf(gaussian_sxy=3, gaussian_compat=3, bilateral_sxy=80, bilateral_srgb=13, bilateral_compat=10)
"""AA&LR: the CRF of pseudo masks (also the default)."""


@pytest.mark.parametrize(
    ("params", "labels"), [(SALIENCY, 2), (SEGMENTATION, 21), (SEGMENTATION, 4), (ONLINE, 3), (ONLINE, 21)]
)
def test_marginals_are_those_of_pydensecrf_on_real_photographs(params: Crf, labels: int) -> None:
    pytest.importorskip("pydensecrf.densecrf")
    same = total = 0
    assert len(photographs()) >= 20
    for seed, image in enumerate(photographs()):
        given = probabilities(labels, image.shape[:2], seed)
        energies = saliency_energies(given[1]) if params is SALIENCY else -np.log(given)
        ours = DenseCRF(image, params, "torch").marginals(energies)
        reference = DenseCRF(image, params, "pydensecrf").marginals(energies)
        assert np.abs(ours - reference).max() < 1e-3  # 2e-5 measured
        same += (ours.argmax(0) == reference.argmax(0)).sum()
        total += ours[0].size
        assert np.abs(ours - given).max() > 0.05, "a CRF that changes nothing would pass everything above"
    assert same / total >= 0.9999


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (2, 3)])
def test_the_smallest_photographs(size: tuple[int, int]) -> None:
    pytest.importorskip("pydensecrf.densecrf")
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    energies = np.random.default_rng(1).random((3, *size)).astype(np.float32)
    ours, reference = (DenseCRF(image, backend=name).marginals(energies) for name in ("torch", "pydensecrf"))
    assert np.allclose(ours, reference, atol=1e-4)


def test_several_unaries_over_one_image_are_as_if_each_came_alone() -> None:
    image = photographs()[0]
    energies = -np.log(np.stack([probabilities(3, image.shape[:2], seed) for seed in (1, 2)]))
    crf = DenseCRF(image)
    together = crf.marginals(energies)
    assert together.shape == energies.shape
    for one, alone in zip(together, energies, strict=True):
        assert np.allclose(one, crf.marginals(alone), atol=1e-6)


def test_a_switched_off_kernel_is_not_built() -> None:
    image = photographs()[0]
    energies = -np.log(probabilities(3, image.shape[:2], 0))
    only_bilateral = DenseCRF(image, Crf(gaussian_compat=0))
    assert np.abs(only_bilateral.marginals(energies) - DenseCRF(image).marginals(energies)).max() > 0.01
    assert len(only_bilateral._alone.kernels.lattices) == 1
    neither = DenseCRF(image, Crf(gaussian_compat=0, bilateral_compat=0))
    assert np.allclose(neither.marginals(energies), np.exp(-energies), atol=1e-5)


def test_energies_far_apart_and_strong_kernels_do_not_overflow() -> None:
    image = photographs()[0]
    energies = -np.log(probabilities(3, image.shape[:2], 0)) * 1e4
    strong = DenseCRF(image, Crf(bilateral_compat=400)).marginals(energies)
    assert np.isfinite(strong).all()
    assert np.allclose(strong.sum(0), 1, atol=1e-5)


def test_a_label_stays_under_its_bound() -> None:
    image = photographs()[3]
    given = probabilities(3, image.shape[:2], 0)
    for least in (0.001, 0.01, 0.02):
        extended = np.concatenate([given * (1 - least), np.full((1, *image.shape[:2]), least, np.float32)])
        crf = DenseCRF(image)
        reached, bound = crf.marginals(-np.log(extended))[3].max(), crf.marginal_bound(least)
        assert reached <= bound < 1
        assert bound < 2.5 * least
    assert DenseCRF(image).marginal_bound(0.5) == 1


def test_tensors_come_back_as_tensors_outside_of_autograd_and_autocast() -> None:
    image = torch.from_numpy(photographs()[0])
    energies = torch.from_numpy(-np.log(probabilities(3, photographs()[0].shape[:2], 0))).requires_grad_()
    plain = DenseCRF(image).marginals(energies)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = DenseCRF(image).marginals(energies)
    assert isinstance(plain, torch.Tensor)
    assert not plain.requires_grad
    assert torch.equal(plain, cast)


@pytest.mark.parametrize("shape", [(3, 10, 11), (10, 12), (0, 10, 12), (1, 1, 3, 10, 12)])
def test_energies_of_another_shape_are_named(shape: tuple[int, ...]) -> None:
    crf = DenseCRF(np.zeros((10, 12, 3), np.uint8))
    with pytest.raises(ValueError, match=r"need energies \(K, 10, 12\).*got \(" + ", ".join(map(str, shape))):
        crf.marginals(np.zeros(shape, np.float32))


def test_what_is_not_finite_no_image_or_no_backend_is_named() -> None:
    image = np.zeros((10, 12, 3), np.uint8)
    with pytest.raises(ValueError, match=r"\(2, 10, 12\) hold values that are not finite"):
        DenseCRF(image).marginals(np.full((2, 10, 12), np.inf, np.float32))
    with pytest.raises(ValueError, match=r"\(10, 12, 3\).*float32"):
        DenseCRF(image.astype(np.float32))
    with pytest.raises(ValueError, match="unknown CRF backend `none`"):
        DenseCRF(image, backend="none")
    with pytest.raises(ValueError, match="kernel is too narrow"):
        DenseCRF(photographs()[0], Crf(bilateral_srgb=1e-4, bilateral_sxy=1e-4)).marginals(
            np.zeros((2, *photographs()[0].shape[:2]), np.float32)
        )


def test_read_only_photographs_are_taken() -> None:
    image = photographs()[0].copy()
    image.setflags(write=False)
    energies = -np.log(probabilities(2, image.shape[:2], 0))
    assert np.isfinite(DenseCRF(image).marginals(energies)).all()


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("params", "labels", "most"),
    # Long rows are added up in pieces on a GPU. With the strong kernel of the last, that order alone changes a marginal
    # by 1.6e-5 on the CPU. A point on the other side of a simplex would change some by 1e-3.
    [(SALIENCY, 2, 1e-5), (SEGMENTATION, 21, 1e-5), (ONLINE, 21, 5e-5)],
)
def test_a_gpu_gives_the_same(params: Crf, labels: int, most: float) -> None:
    whole = np.ascontiguousarray(data.coffee()[:375, :500])
    for seed, image in enumerate([whole, *photographs()[:3]]):
        given = probabilities(labels, image.shape[:2], seed)
        energies = saliency_energies(given[1]) if params is SALIENCY else -np.log(given)
        found = DenseCRF(image, params, device="cuda").marginals(energies)
        assert np.abs(found - DenseCRF(image, params).marginals(energies)).max() < most
