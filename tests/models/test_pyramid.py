from __future__ import annotations

import torch

from wsss.models.pyramid import apply_pyramid, pyramid


def test_without_padding_it_is_the_one_of_torchvision() -> None:
    torch.manual_seed(0)
    module = pyramid(6, 8, (1, 2, 3), 0.3).eval()
    features = torch.randn(2, 6, 5, 7)
    expected = module(features)
    assert expected.shape == (2, 8, 5, 7)
    assert torch.allclose(apply_pyramid(module, features), expected, atol=1e-6)
    assert torch.allclose(
        apply_pyramid(module, features, torch.ones(2, 1, 5, 7, dtype=torch.bool)), expected, atol=1e-6
    )


def test_padding_is_not_pooled() -> None:
    torch.manual_seed(0)
    module = pyramid(6, 8, (1,), 0.0).eval()
    features = torch.randn(1, 6, 5, 7)
    inside = torch.ones(1, 1, 5, 7, dtype=torch.bool)
    inside[..., 5:] = False
    changed = features.clone()
    changed[..., 6:] += 10  # out of reach of the convolutions of the first columns
    found = [apply_pyramid(module, values, inside)[..., :4] for values in (features, changed)]
    assert torch.allclose(*found, atol=1e-6)
    assert not torch.allclose(*(apply_pyramid(module, values)[..., :4] for values in (features, changed)), atol=1e-3)
