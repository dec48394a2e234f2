from __future__ import annotations

import torch

from wsss import config
from wsss.models import Backbone


def test_folded_network_computes_the_same() -> None:
    torch.manual_seed(0)
    plain = Backbone(config.BackboneSettings(freeze_batch_norm=False, frozen_stages=0)).eval()
    folded = Backbone(config.BackboneSettings(freeze_batch_norm=True, frozen_stages=0)).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected, result = plain(images), folded(images)
    assert expected.abs().mean() > 0.1
    assert torch.allclose(expected, result, atol=1e-3)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
