from __future__ import annotations

import pytest
import torch
from torch import nn

from wsss import config
from wsss.models import Backbone
from wsss.models.folding import fold_batch_norm
from wsss.models.resnet38d import Block


@pytest.mark.parametrize("changes", [{"freeze_batch_norm": False}, {"fold_batch_norm": False}])
def test_folded_network_computes_the_same(changes: dict[str, bool]) -> None:
    torch.manual_seed(0)
    plain = Backbone(config.BackboneSettings.parse({"frozen_stages": 0, **changes})).eval()
    folded = Backbone(config.BackboneSettings(frozen_stages=0)).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected, result = plain(images), folded(images)
    assert expected.abs().mean() > 0.1
    assert torch.allclose(expected, result, atol=1e-3)
    assert any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_frozen_normalisation_that_is_not_folded_learns_nothing() -> None:
    backbone = Backbone(config.BackboneSettings(frozen_stages=0, weights="none", fold_batch_norm=False)).train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    before = [norm.running_mean.clone() for norm in norms if norm.running_mean is not None]
    backbone(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))
    assert {parameter.grad for norm in norms for parameter in norm.parameters()} == {None}
    assert all(p.grad is not None for p in backbone.parts.parameters() if p.requires_grad)


def test_a_relu_in_the_normalisation_stays() -> None:
    torch.manual_seed(0)
    block = Block(4, 6, 8).eval()
    nn.init.normal_(block.bn_branch2b1.bias)
    features = torch.randn(2, 4, 7, 7)
    expected = block(features)
    assert fold_batch_norm(block) == 1
    assert torch.allclose(block(features), expected, atol=1e-5)
