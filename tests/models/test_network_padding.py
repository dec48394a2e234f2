"""The padding of a crop takes no part in what the networks gather from a whole image."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.small_auxsegnet import build
from wsss import config
from wsss.models import AALR, AuxSegNet, Classifier, Segmenter
from wsss.models.network import Network
from wsss.ops.affinity import BlockedAffinity
from wsss.ops.padding import features_inside

SMALL = config.BackboneSettings(name="test_resnet", weights="none", output_stride=16)
IMAGES = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(2))


def photographs() -> Tensor:
    """Where each crop shows its photograph: the upper part of one, the right part of the other."""
    inside = torch.zeros(2, 64, 96, dtype=torch.bool)
    inside[0, :41] = True
    inside[1, :, 37:] = True
    return inside


def shown(network: Network) -> Tensor:
    return features_inside(photographs(), (4, 6), network.grid)


def change_features_of_padding(network: Network) -> Any:
    """Add noise to the features that are centred on padding, from now on."""

    def change(_module: nn.Module, _inputs: Any, features: Tensor) -> Tensor:
        noise = 9 * torch.rand(features.shape, generator=torch.Generator().manual_seed(4))
        return features + noise * ~shown(network)

    return network.backbone.register_forward_hook(change)


def class_logits(network: Network, inside: Tensor | None) -> Tensor:
    if isinstance(network, Classifier):
        return network(IMAGES, inside=inside).logits
    return network(IMAGES, ("class_logits",), inside).class_logits


@pytest.mark.parametrize("kind", [Classifier, AALR, AuxSegNet])
def test_class_logits_are_those_of_the_photograph(kind: type[Network]) -> None:
    torch.manual_seed(0)
    further = {AALR: {"channels": 4, "dilation": 1}, AuxSegNet: {"channels": 4, "atrous_rates": (1, 1, 1)}}
    network = kind(SMALL, 3, **further.get(kind, {})).eval()
    with torch.no_grad():
        before = [class_logits(network, inside) for inside in (photographs(), None)]
        change_features_of_padding(network)
        after = [class_logits(network, inside) for inside in (photographs(), None)]
    assert not shown(network).all()
    assert torch.allclose(after[0], before[0], atol=1e-5)
    assert not torch.allclose(after[1], before[1], atol=1e-2)


def test_the_pooled_branch_of_the_segmenter_is_that_of_the_photograph() -> None:
    torch.manual_seed(0)
    network = Segmenter(SMALL, 3, head_channels=8, atrous_rates=(2,)).eval()
    pooled: list[Tensor] = []
    network.pyramid.convs[-1][1].register_forward_hook(lambda _module, inputs, _output: pooled.append(inputs[0]))
    with torch.no_grad():
        features = network.backbone(IMAGES)
        whole = network(IMAGES)
        network(IMAGES, inside=photographs())
        change_features_of_padding(network)
        network(IMAGES, inside=photographs())
        # torchvision's own pyramid pools everything; without padding this is the same
        own = network.head(network.pyramid(features))
    assert torch.allclose(whole, own, atol=1e-5)
    assert torch.allclose(pooled[2], pooled[1], atol=1e-5)
    places = shown(network)[0, 0]
    assert torch.allclose(pooled[1][0, :, 0, 0], features[0][:, places].mean(1), atol=1e-5)
    assert not torch.allclose(pooled[1], pooled[0], atol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"dense_positions": 5}, {"normalize_rows": True}, {"affinity": "separate"}])
def test_nothing_is_gathered_from_padding(settings: dict[str, Any]) -> None:
    network = build(**settings)
    with torch.no_grad():
        found = network(IMAGES, ("pairwise_affinity", "unary_affinity"), photographs())
        everywhere = network(IMAGES, ("pairwise_affinity",))
    places = shown(network)
    assert isinstance(found.pairwise_affinity, BlockedAffinity) == ("dense_positions" in settings)
    assert (found.unary_affinity[~places] == 0).all()
    for affinity, left_out in ((found.pairwise_affinity, True), (everywhere.pairwise_affinity, False)):
        for image in range(2):
            columns = affinity.dense()[image][:, ~places[image].flatten()]
            assert columns.numel() > 0
            assert (columns == 0).all() == left_out


@pytest.mark.parametrize("task", ["segmentation", "saliency"])
def test_a_transposed_affinity_gathers_nothing_from_padding_either(task: str) -> None:
    network = build(transpose_affinity=True, unary_affinity=False)
    with torch.no_grad():
        found = network(IMAGES, inside=photographs())
    before = getattr(found, f"{task}_logits") * shown(network)
    expected = found.pairwise_affinity.dense().mT @ before.flatten(2).mT
    after = getattr(found, f"refined_{task}_logits").flatten(2).mT
    assert torch.allclose(after, expected, atol=1e-4 * float(expected.abs().max()))
    assert (getattr(found, f"{task}_logits")[~shown(network).expand_as(before)] != 0).any()
