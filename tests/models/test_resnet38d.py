from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from wsss import config
from wsss.errors import InputError
from wsss.models import AuxSegNet, Backbone
from wsss.models.mxnet_file import ARRAY_V1, ARRAY_V2, LIST_MAGIC, read_params
from wsss.models.resnet38d import Block, Bottleneck, ResNet38d
from wsss.models.resnet38d_weights import _name, convert, read_resnet38d

SETTINGS = config.BackboneSettings(name="resnet38d", weights="none", output_stride=8, frozen_stages=1)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count(ResNet38d()) == 105_070_912
        assert count(Backbone(SETTINGS)) == 105_070_912


@pytest.mark.parametrize(("size", "expected"), [((321, 321), (41, 41)), ((375, 500), (47, 63))])
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


def array(value: np.ndarray, generation: int) -> bytes:
    """An array as MXNet's generations wrote it."""
    if generation == 0:
        head = struct.pack(f"<I{value.ndim}I", value.ndim, *value.shape)
    elif generation == 1:
        head = struct.pack(f"<II{value.ndim}q", ARRAY_V1, value.ndim, *value.shape)
    else:
        head = struct.pack(f"<IiI{value.ndim}q", ARRAY_V2, 0, value.ndim, *value.shape)
    kind = {"float32": 0, "float16": 2}[value.dtype.name]
    return head + struct.pack("<iii", 1, 0, kind) + value.tobytes()


def params(arrays: dict[str, np.ndarray], generation: int) -> bytes:
    names = b"".join(struct.pack("<Q", len(name)) + name.encode() for name in arrays)
    body = b"".join(array(value, generation) for value in arrays.values())
    count_of = struct.pack("<Q", len(arrays))
    return struct.pack("<QQ", LIST_MAGIC, 0) + count_of + body + count_of + names


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_arrays_of_mxnet_are_read(generation: int, tmp_path: Path) -> None:
    arrays = {"arg:a_weight": np.arange(6, dtype=np.float32).reshape(2, 3, 1), "aux:b": np.ones(4, np.float16)}
    path = tmp_path / "a.params"
    path.write_bytes(params(arrays, generation))
    found = read_params(path)
    assert list(found) == list(arrays)
    assert all(
        found[name].dtype == value.dtype and np.array_equal(found[name], value) for name, value in arrays.items()
    )
    path.write_bytes(params(arrays, generation)[:-3])
    with pytest.raises(InputError, match="cut short"):
        read_params(path)
    path.write_bytes(b"PK" * 40)
    with pytest.raises(InputError, match=r"not a \.params file of MXNet"):
        read_params(path)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("arg:conv1a_weight", "conv1a.weight"),
        ("arg:res2a_branch1_weight", "b2.conv_branch1.weight"),
        ("arg:res4b5_branch2b1_weight", "b4_5.conv_branch2b1.weight"),
        ("arg:res6a_branch2b2_weight", "b6.conv_branch2b2.weight"),
        ("arg:bn3b1_branch2a_gamma", "b3_1.bn_branch2a.weight"),
        ("arg:bn3b1_branch2a_beta", "b3_1.bn_branch2a.bias"),
        ("aux:bn7a_branch2b2_moving_mean", "b7.bn_branch2b2.running_mean"),
        ("aux:bn7_moving_var", "bn7.running_var"),
        ("arg:linear1000_weight", ""),
    ],
)
def test_names_of_mxnet(key: str, name: str) -> None:
    assert _name(key) == name


def test_weights_of_both_kinds_of_file_are_loaded(tmp_path: Path) -> None:
    with torch.device("meta"):
        own = ResNet38d().state_dict()
    # one small value per tensor keeps the files from taking half a gigabyte of distinct numbers
    state = {
        name: torch.full((1,), (index + 1) / 1000).expand(value.shape)
        for index, (name, value) in enumerate(own.items())
        if not name.endswith("num_batches_tracked")
    }
    path = tmp_path / "classifier.pth"
    torch.save({f"module.{name}": value for name, value in {**state, "fc8.weight": torch.zeros(20, 1)}.items()}, path)
    found = read_resnet38d(path)
    assert list(found) == list(own)
    assert all(torch.equal(found[name], value) for name, value in state.items())
    backbone = Backbone(SETTINGS.model_copy(update={"weights": str(path)}))
    assert torch.equal(backbone.parts[3][5].conv_branch2a.weight, state["b4_5.conv_branch2a.weight"])
    assert torch.equal(backbone.parts[5][2].running_var, state["bn7.running_var"])
    assert convert(path, tmp_path / "sub" / "converted.pth") == (len(own), 105_070_912)
    converted = torch.load(tmp_path / "sub" / "converted.pth", weights_only=True)
    assert all(torch.equal(converted[name], value) for name, value in state.items())
    torch.save({name: value for name, value in state.items() if name != "b6.conv_branch1.weight"}, path)
    with pytest.raises(InputError, match=r"does not fit resnet38d: 1 of \d+ tensors .* `b6.conv_branch1.weight`"):
        read_resnet38d(path)


def test_automatic_weights_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"no package has the weights of resnet38d; give the path"):
        Backbone(SETTINGS.model_copy(update={"weights": "auto"}))
