from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wsss.models.norm_relu import NormReLU


def make(frozen: bool) -> NormReLU:
    torch.manual_seed(0)
    norm = NormReLU(4)
    norm.running_mean, norm.running_var = torch.randn(4), torch.rand(4) + 0.1
    with torch.no_grad():
        norm.weight.copy_(torch.randn(4))
        norm.bias.copy_(torch.randn(4))
    return norm.eval().requires_grad_(not frozen)


def features() -> Tensor:
    return torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()


@pytest.mark.parametrize("frozen", [False, True])
def test_it_is_batch_normalisation_and_relu(frozen: bool) -> None:
    norm, given, twin = make(frozen), features(), features()
    plain = nn.BatchNorm2d(4).eval()
    plain.load_state_dict(norm.state_dict())
    expected = torch.relu(plain(twin))
    found = norm(given)
    assert torch.equal(found, expected)
    direction = torch.randn(found.shape)
    (found * direction).sum().backward()
    (expected * direction).sum().backward()
    assert given.grad is not None
    assert twin.grad is not None
    assert torch.allclose(given.grad, twin.grad, atol=1e-6)
    if not frozen:
        assert torch.allclose(norm.weight.grad, plain.weight.grad, atol=1e-5)


def test_frozen_it_keeps_the_result_alone() -> None:
    """Counts what autograd keeps that is as large as the features, with a convolution after it."""

    def kept(norm: nn.Module) -> int:
        given, sizes = features(), set()
        convolution = nn.Conv2d(4, 2, 1, bias=False)

        def pack(tensor: Tensor) -> Tensor:
            if tensor.numel() == given.numel():
                sizes.add(tensor.data_ptr())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result = convolution(norm(given * 1.0))
        result.sum().backward()
        return len(sizes)

    assert kept(make(frozen=False)) == 2
    assert kept(make(frozen=True)) == 1


def test_in_training_mode_it_follows_the_batch() -> None:
    norm = make(frozen=False).train()
    result = norm(features())
    assert result.min() == 0
    before = make(frozen=False).running_mean
    assert not torch.equal(norm.running_mean, before)
