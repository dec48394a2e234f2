from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from wsss import config
from wsss.models import Backbone
from wsss.models.norm_relu import NormReLU
from wsss.models.resnet38d import Block, Bottleneck
from wsss.training import batch_norm
from wsss.training.batch_norm import SharedBatchNorm, SharedBatchNorms

BACKBONES = ("tf_efficientnet_lite0", "resnet18", "resnet50", "convnext_atto")


def built(name: str, **settings: object) -> Backbone:
    values = {"name": name, "weights": "none", "output_stride": 32, "frozen_stages": 1, **settings}
    return Backbone(config.BackboneSettings.parse(values))


def statistics_drawn(network: nn.Module) -> nn.Module:
    """Give every normalisation statistics and parameters of its own; new ones do nothing."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean, module.running_var = torch.randn(module.num_features), module.running_var + 0.5
            nn.init.normal_(module.bias)
    return network


def shared(network: nn.Module) -> nn.Module:
    return SharedBatchNorms().apply(copy.deepcopy(network))


def norms(network: nn.Module, kind: type[nn.Module]) -> list[str]:
    return [name for name, module in network.named_modules() if isinstance(module, kind)]


@pytest.mark.parametrize("name", BACKBONES)
def test_a_network_computes_the_same_with_shared_statistics(name: str) -> None:
    network = statistics_drawn(built(name, freeze_batch_norm=False)).train()
    converted, images = shared(network), torch.rand(2, 3, 64, 64)
    assert list(converted.state_dict()) == list(network.state_dict())
    # those of frozen stages keep their statistics, which need no sharing
    expected = [n for n in norms(network, nn.BatchNorm2d) if not n.startswith("parts.0.")]
    assert norms(converted, SharedBatchNorm) == expected
    with torch.no_grad():
        assert torch.equal(converted.eval()(images), network.eval()(images))
        # a process alone
        assert torch.equal(converted.train()(images), network.train()(images))


def test_so_do_the_blocks_of_resnet38d() -> None:
    parts = (Block(4, 4, 8), Bottleneck(8, 16, dilation=1, dropout=0.0), NormReLU(16))
    network = statistics_drawn(nn.Sequential(*parts)).train()
    converted, features = shared(network), torch.randn(2, 4, 9, 9)
    assert norms(converted, SharedBatchNorm) == norms(network, NormReLU)
    assert norms(converted, NormReLU) == []
    for mode in (False, True):
        assert torch.equal(converted.train(mode)(features), network.train(mode)(features))


@pytest.mark.parametrize("fold", [True, False])
def test_frozen_normalisation_is_left_alone(fold: bool) -> None:
    network = built("resnet18", fold_batch_norm=fold).train()
    types = [type(module) for module in network.modules()]
    assert [type(module) for module in shared(network).modules()] == types
    assert (nn.BatchNorm2d in types) != fold


def test_what_a_class_does_beside_normalising_has_to_be_known() -> None:
    class Other(nn.BatchNorm2d):
        pass

    for wrong in (Other(3), nn.BatchNorm1d(3), nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, momentum=None)):
        with pytest.raises(TypeError):
            shared(nn.Sequential(wrong))


def test_by_the_whole_batch_means_by_all_of_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of equal parts have the statistics of one part."""
    monkeypatch.setattr(batch_norm, "several_processes", lambda: True)
    monkeypatch.setattr(batch_norm, "process_share", lambda: (0, 2))
    monkeypatch.setattr(batch_norm, "averaged", lambda values: values)
    norm = statistics_drawn(nn.Sequential(NormReLU(3))).train()
    converted = shared(norm)
    part = torch.randn(2, 3, 5, 4) * 3 + 1
    assert torch.allclose(converted(part), norm(torch.cat([part, part]))[:2], atol=1e-5)
    for name, value in norm.state_dict().items():
        assert torch.allclose(converted.state_dict()[name], value, atol=1e-5), name


def test_half_precision_comes_back_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_norm, "several_processes", lambda: True)
    monkeypatch.setattr(batch_norm, "averaged", lambda values: values)
    features = (torch.randn(2, 3, 8, 8) + 50).bfloat16()
    found = shared(nn.Sequential(nn.BatchNorm2d(3)))(features)
    assert found.dtype == torch.bfloat16
    expected = nn.BatchNorm2d(3)(features.float())
    assert torch.allclose(found.float(), expected, atol=0.02)
