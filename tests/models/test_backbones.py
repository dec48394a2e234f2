from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from timm.layers import DropPath

from wsss import config
from wsss.errors import InputError
from wsss.models import Backbone, Classifier


@pytest.mark.parametrize(
    ("name", "stride", "channels"),
    [
        ("tf_efficientnet_lite0", 8, 320),
        ("tf_efficientnet_lite0", 16, 320),
        ("tf_efficientnet_lite0", 32, 320),
        ("resnet18", 16, 512),
        ("resnet50", 8, 2048),
        ("convnext_atto", 16, 320),
    ],
)
def test_features_have_the_stride_that_was_asked_for(name: str, stride: int, channels: int) -> None:
    settings = config.BackboneSettings(name=name, weights="none", output_stride=stride)  # type: ignore[arg-type]
    backbone = Backbone(settings).eval()
    with torch.no_grad():
        features = backbone(torch.rand(1, 3, 64, 96))
    assert backbone.channels == channels
    assert features.shape == (1, channels, 64 // stride, 96 // stride)
    assert backbone.grid.stride == stride


def test_other_sizes_are_refused() -> None:
    backbone = Backbone(config.BackboneSettings(name="test_resnet", weights="none", output_stride=32)).eval()
    with pytest.raises(ValueError, match=r"multiples of 32 px, got \(64, 95\); resize them to wsss.grid.snapped_size"):
        backbone(torch.rand(1, 3, 64, 95))
    with pytest.raises(ValueError, match=r"got \(16, 64\)"):
        backbone(torch.rand(1, 3, 16, 64))


def test_frozen_stages_get_no_gradient_and_keep_their_statistics() -> None:
    settings = config.BackboneSettings(weights="none", frozen_stages=2, freeze_batch_norm=False)
    network = Classifier(settings, 3).train()
    before = {name: value.clone() for name, value in network.backbone.parts[:2].state_dict().items()}
    network(torch.rand(2, 3, 64, 64)).logits.sum().backward()
    assert all(parameter.grad is None for parameter in network.backbone.parts[:2].parameters())
    assert all(parameter.grad is not None for parameter in network.backbone.parts[2:].parameters())
    after = network.backbone.parts[:2].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "resnet5"}, "neither one of"),
        ({"name": "resnet_50"}, "similar: resnet50,"),
        ({"name": "resnet38d", "weights": "none", "output_stride": 32}, "resnet38d can have 8 or 16"),
        ({"name": "resnet38d"}, "no package has the weights of resnet38d"),
        ({"name": "vit_tiny_patch16_224", "weights": "none"}, "cannot be built with this backbone.output_stride"),
        ({"name": "vgg11", "weights": "none", "output_stride": 32}, "not cut into stages yet; take one of resnet38d, "),
        ({"name": "resnetv2_50", "weights": "none"}, "not cut into stages yet; take one of resnet38d, "),
        ({"weights": "none.pth"}, "no such weight file"),
        ({"weights": "none", "frozen_stages": 99}, "has 8 stages"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as error:
        Backbone(config.BackboneSettings.parse(values))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resnet38d", {"weights": "none", "output_stride": 8, "frozen_stages": 1}),
        ("tf_efficientnet_lite0", {"weights": "auto"}),
        ("resnet18", {"weights": "none"}),
    ],
)
def test_a_name_alone_stands_for_what_its_family_says(name: str, settings: dict[str, object]) -> None:
    expected = Backbone(config.BackboneSettings.parse({"name": name, **settings}))
    found = Backbone(name)
    assert found.output_stride == expected.output_stride
    frozen = [parameter.requires_grad for parameter in expected.parameters()]
    assert [parameter.requires_grad for parameter in found.parameters()] == frozen
    pretrained = all(torch.equal(a, b) for a, b in zip(found.parameters(), expected.parameters(), strict=True))
    assert pretrained == (settings["weights"] == "auto")


@pytest.mark.parametrize(
    ("settings", "differs"),
    [
        ({}, False),
        ({"fold_batch_norm": False}, False),
        ({"freeze_batch_norm": False}, True),
        # a frozen stage does not follow the batch
        ({"freeze_batch_norm": False, "name": "test_resnet", "output_stride": 32, "frozen_stages": 5}, False),
        ({"name": "resnet38d", "frozen_stages": 1}, True),
        ({"name": "convnext_atto"}, False),
    ],
)
def test_a_backbone_says_whether_training_mode_gives_other_features(settings: dict[str, Any], differs: bool) -> None:
    # without memory: resnet38d is large
    with torch.device("meta") if settings.get("name") == "resnet38d" else nullcontext():
        backbone = Backbone(config.BackboneSettings.parse({"weights": "none", **settings}))
    assert backbone.differs_in_training == differs
    if not differs:
        images = torch.rand(2, 3, 64, 64)
        with torch.no_grad():
            assert torch.equal(backbone.train()(images), backbone.eval()(images))


def test_paths_that_are_dropped_make_a_difference() -> None:
    backbone = Backbone(config.BackboneSettings(weights="none"))
    assert not backbone.differs_in_training
    assert backbone._differs(DropPath(0.1))
    assert not backbone._differs(DropPath(0.0))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet50", "convnext_atto"])
def test_a_first_convolution_of_more_bands_keeps_the_weights_of_three(name: str) -> None:
    torch.manual_seed(0)
    plain = Backbone(config.BackboneSettings(name=name, weights="none", frozen_stages=0)).eval()
    torch.manual_seed(0)
    wide = Backbone(config.BackboneSettings(name=name, weights="none", frozen_stages=0, bands=5)).eval()
    images = torch.rand(2, 5, 64, 64)
    # further bands at their mean add nothing: what is left is the network of three
    images[:, 3:] = wide.mean[:, 3:]
    with torch.no_grad():
        # padding is 0 after normalisation, so the mean is what padding is
        assert torch.allclose(wide(images), plain(images[:, :3]), atol=1e-4)
        images[:, 4] += 0.3
        assert not torch.allclose(wide(images), plain(images[:, :3]), atol=1e-4)
    three, five = (next(m.weight for m in net.modules() if isinstance(m, torch.nn.Conv2d)) for net in (plain, wide))
    assert torch.equal(five[:, :3], three)
    assert torch.allclose(five[:, 3], three.mean(1))
    assert wide.grid == plain.grid


def test_photographs_of_other_bands_are_one_line() -> None:
    backbone = Backbone(config.BackboneSettings(name="test_resnet", weights="none", output_stride=32)).eval()
    with pytest.raises(InputError, match=r"the network takes 3 bands, but the photographs have 4; `data\.bands` must"):
        backbone(torch.rand(1, 4, 64, 64))
