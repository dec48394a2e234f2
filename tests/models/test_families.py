from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from wsss import config
from wsss.models.families import build_network


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("resnet38d", "resnet38d"),
        ("resnet50", "ResNet of torchvision"),
        ("resnet18", "ResNet of timm"),
        ("tf_efficientnet_lite0", "EfficientNet-Lite0"),
        ("efficientnet_b0", "EfficientNet of timm"),
        ("convnext_atto", "ConvNeXt of timm"),
    ],
)
def test_a_network_is_cut_by_its_family(name: str, title: str) -> None:
    family, network = build_network(config.BackboneSettings(name=name, weights="none"))
    cut = family.cut(network)
    assert family.title == title
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        features = torch.nn.Sequential(*cut.parts).eval()(images)
        assert features.shape == (1, cut.channels, 4, 4)
        assert cut.head.eval()(features).shape == (1, cut.head_channels, 4, 4)


def test_networks_that_others_define_are_not_asked_for_where_the_name_says_enough() -> None:
    program = (
        "import sys; from wsss import config; from wsss.models.families import build_network; "
        "build_network(config.BackboneSettings(name='resnet50', weights='none')); assert 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
