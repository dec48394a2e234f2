from __future__ import annotations

import pytest
import torch
from torch import nn

from wsss import config
from wsss.errors import InputError
from wsss.models import AuxSegNet, Backbone
from wsss.models.resnet38d import Block, Bottleneck, ResNet38d

SETTINGS = config.BackboneSettings(name="resnet38d", weights="none", output_stride=8, frozen_stages=1)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count(ResNet38d()) == 105_070_912
        assert count(Backbone(SETTINGS)) == 105_070_912


@pytest.mark.parametrize(("size", "expected"), [((320, 320), (40, 40)), ((384, 512), (48, 64))])
def test_feature_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert Backbone(SETTINGS)(torch.rand(1, 3, *size)).shape == (1, 4096, *expected)


def test_stride_16_keeps_the_reach_in_pixels() -> None:
    with torch.device("meta"):
        features = Backbone(SETTINGS.model_copy(update={"output_stride": 16}))(torch.rand(1, 3, 320, 480))
        assert features.shape == (1, 4096, 20, 30)
    with pytest.raises(InputError, match="resnet38d can have 8 or 16"):
        Backbone(SETTINGS.model_copy(update={"output_stride": 32}))


def dilations(module: nn.Module) -> list[int]:
    return [m.dilation[0] for m in module.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


def test_dilations_and_dropout() -> None:
    with torch.device("meta"):
        network = ResNet38d()
    assert [dilations(getattr(network, name)) for name in ("b5", "b5_1", "b5_2", "b6", "b7")] == [
        [1, 2],
        [2, 2],
        [2, 2],
        [4],
        [4],
    ]
    assert set(dilations(network)[:25]) == {1}
    assert [network.b6.dropout.p, network.b7.dropout.p] == [0.3, 0.5]
    assert not any(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d))


def norm(module: nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
    """Batch normalisation with its statistics, and ReLU, written out."""
    assert module.running_mean is not None
    assert module.running_var is not None
    shape = (1, -1, 1, 1)
    scaled = (x - module.running_mean.view(shape)) / (module.running_var.view(shape) + module.eps).sqrt()
    return (scaled * module.weight.view(shape) + module.bias.view(shape)).clamp(min=0)


def randomise(module: nn.Module) -> nn.Module:
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.1 if "var" in name else torch.randn_like(value) / 3)
    return module.eval()


@pytest.mark.parametrize(("in_channels", "stride"), [(6, 1), (4, 1), (6, 2)])
def test_block_is_the_one_of_the_paper(in_channels: int, stride: int) -> None:
    torch.manual_seed(0)
    block = randomise(Block(in_channels, 5, 6, stride=stride, first_dilation=2, dilation=3))
    images = torch.randn(2, in_channels, 9, 11)
    kept = images.clone()
    active = norm(block.bn_branch2a, images)
    hidden = nn.functional.conv2d(active, block.conv_branch2a.weight, stride=stride, padding=2, dilation=2)
    hidden = norm(block.bn_branch2b1, hidden)
    expected = nn.functional.conv2d(hidden, block.conv_branch2b1.weight, padding=3, dilation=3)
    if in_channels == 6 and stride == 1:
        assert block.conv_branch1 is None
        expected = expected + images
    else:
        expected = expected + nn.functional.conv2d(active, block.conv_branch1.weight, stride=stride)
    assert torch.allclose(block(images), expected, atol=1e-4)
    assert torch.equal(images, kept)


def test_bottleneck_is_the_one_of_the_paper() -> None:
    torch.manual_seed(0)
    block = randomise(Bottleneck(6, 8, dilation=4, dropout=0.3))
    images = torch.randn(2, 6, 9, 11)
    active = norm(block.bn_branch2a, images)
    hidden = norm(block.bn_branch2b1, nn.functional.conv2d(active, block.conv_branch2a.weight))
    hidden = norm(block.bn_branch2b2, nn.functional.conv2d(hidden, block.conv_branch2b1.weight, padding=4, dilation=4))
    expected = nn.functional.conv2d(hidden, block.conv_branch2b2.weight)
    expected = expected + nn.functional.conv2d(active, block.conv_branch1.weight)
    assert torch.allclose(block(images), expected, atol=1e-4)
    assert [block.conv_branch2a.out_channels, block.conv_branch2b1.out_channels] == [2, 4]
    block.train()
    torch.manual_seed(0)
    dropped = block(images)
    assert not torch.allclose(dropped, expected, atol=1e-3)


def test_first_convolution_and_normalisation_are_frozen() -> None:
    with torch.device("meta"):
        network = AuxSegNet("resnet38d", 20).train()
        backbone = network.backbone
    frozen = {name for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    norms = {name for name, module in backbone.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert len(norms) == 2 * 15 + 3 * 2 + 1
    assert frozen == {"parts.0.0.weight", *(f"{n}.{kind}" for n in norms for kind in ("weight", "bias"))}
    assert not any(m.training for m in backbone.modules() if isinstance(m, nn.BatchNorm2d))
    assert all(m.training for m in backbone.modules() if isinstance(m, nn.Dropout2d))


def test_automatic_weights_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"no package has the weights of resnet38d; give the path"):
        Backbone(SETTINGS.model_copy(update={"weights": "auto"}))
