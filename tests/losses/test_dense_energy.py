from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wsss.losses import dense_energy_loss


def _scene() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.full((2, 3, 12, 14), 40, dtype=torch.uint8)
    images[:, :, :, 7:] = 200
    images = images + torch.randint(0, 20, images.shape, generator=generator, dtype=torch.uint8)
    probabilities = torch.randn(2, 3, 12, 14, generator=generator).softmax(1)
    labels = torch.full((2, 12, 14), 255)
    labels[:, :4] = 1
    inside = torch.ones(2, 12, 14, dtype=torch.bool)
    inside[1, :, 12:] = False
    return probabilities, images, labels, inside


def _pairs(images: Tensor, sigma_rgb: float, sigma_xy: float) -> Tensor:
    """(N, P, P) Gaussian weights of all pairs of pixels."""
    height, width = images.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([rows, columns]).flatten(1).float() / sigma_xy
    features = torch.cat([places.expand(len(images), -1, -1), images.flatten(2).float() / sigma_rgb], 1)
    return (-(torch.cdist(features.transpose(1, 2), features.transpose(1, 2)) ** 2) / 2).exp()


def test_value_and_gradient_are_close_to_those_of_all_pairs() -> None:
    probabilities, images, labels, inside = _scene()
    probabilities.requires_grad_()
    loss = dense_energy_loss(probabilities, images, labels, inside, sigma_rgb=30.0, sigma_xy=6.0)
    loss.backward()
    segmentation = probabilities.detach() * inside[:, None]
    gate = torch.where(labels == 255, torch.ones(()), (inside.float() - segmentation.amax(1)).clamp(min=0))
    gathered = (segmentation.flatten(2) @ _pairs(images, 30.0, 6.0)).view_as(segmentation) * gate[:, None] / 2
    # the lattice is an approximation, with a scale of its own
    ratio = loss.item() / -(segmentation * gathered).sum().item()
    assert 0.5 < ratio < 1.5
    expected = -2 * gathered * inside[:, None] * ratio
    assert probabilities.grad is not None
    assert torch.nn.functional.cosine_similarity(probabilities.grad.flatten(), expected.flatten(), dim=0) > 0.99
    assert probabilities.grad.norm().item() == pytest.approx(expected.norm().item(), rel=0.1)
    assert probabilities.grad[1, :, :, 12:].abs().max().item() == 0


def test_agreement_within_a_colour_costs_less_than_across() -> None:
    _, images, labels, inside = _scene()
    labels.fill_(255)
    along, across = torch.zeros(2, 2, 12, 14), torch.zeros(2, 2, 12, 14)
    along[:, 0, :, :7] = along[:, 1, :, 7:] = 1
    across[:, 0, :6] = across[:, 1, 6:] = 1
    assert dense_energy_loss(along, images, labels, inside) < dense_energy_loss(across, images, labels, inside)


def test_sure_labelled_pixels_do_not_count() -> None:
    _, images, labels, inside = _scene()
    labels.fill_(1)
    sure = torch.zeros(2, 2, 12, 14)
    sure[:, 1] = 1
    assert dense_energy_loss(sure, images, labels, inside).item() == 0


def test_shapes_that_do_not_fit_are_named() -> None:
    probabilities, images, labels, inside = _scene()
    with pytest.raises(ValueError, match=r"expected probabilities \(N, K, h, w\)"):
        dense_energy_loss(probabilities, images[:, :, :6], labels, inside)
