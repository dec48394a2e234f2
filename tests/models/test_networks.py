from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wsss import config
from wsss.errors import InputError
from wsss.models import Backbone, Classifier, Segmenter
from wsss.models.families import build_network

SMALL = config.BackboneSettings(name="tf_efficientnet_lite0", weights="none", output_stride=16, frozen_stages=2)


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
        features = backbone(torch.rand(1, 3, 65, 96))
    assert backbone.channels == channels
    assert features.shape[:2] == (1, channels)
    # ConvNeXt cuts into whole patches, the others pad
    assert features.shape[2] == (65 // stride if name.startswith("convnext") else -(-65 // stride))
    assert features.shape[3] == 96 // stride


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


def test_packaged_weights_are_those_of_imagenet() -> None:
    # an untrained network's features hardly depend on the image; trained ones do
    images = torch.stack([torch.zeros(3, 64, 64), torch.rand(3, 64, 64)])
    with torch.no_grad():
        features = Backbone(config.BackboneSettings()).eval()(images).mean((-2, -1))
        random = Backbone(SMALL).eval()(images).mean((-2, -1))
    assert (features[0] - features[1]).norm() / features.norm() > 0.3
    assert (random[0] - random[1]).norm() / random.norm() < (features[0] - features[1]).norm() / features.norm()


def test_frozen_stages_get_no_gradient_and_keep_their_statistics() -> None:
    settings = config.BackboneSettings(weights="none", frozen_stages=2, freeze_batch_norm=False)
    network = Classifier(settings, 3).train()
    before = {name: value.clone() for name, value in network.backbone.parts[:2].state_dict().items()}
    network(torch.rand(2, 3, 64, 64)).logits.sum().backward()
    assert all(parameter.grad is None for parameter in network.backbone.parts[:2].parameters())
    assert all(parameter.grad is not None for parameter in network.backbone.parts[2:].parameters())
    after = network.backbone.parts[:2].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_groups_hold_every_trainable_parameter_once() -> None:
    network = Segmenter(SMALL, 4, head_channels=16)
    groups = network.parameter_groups()
    grouped = [id(parameter) for parameters in groups.values() for parameter in parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)
    assert all(parameter.requires_grad for parameter in groups["pretrained"])


def test_cams_are_the_classifier_on_the_features_before_the_pool() -> None:
    network = Classifier(SMALL, 3).eval()
    output = network(torch.rand(2, 3, 64, 96), cams=True)
    assert output.cams is not None
    assert output.cams.shape == (2, 3, 4, 6)
    assert output.cams.min() >= 0
    features = network.backbone.classification_head(network.backbone(torch.ones(1, 3, 64, 64)))
    raw = torch.einsum("kc,nchw->nkhw", network.classifier.weight[:, :, 0, 0], features)
    assert torch.allclose(raw.mean((-2, -1)), network(torch.ones(1, 3, 64, 64)).logits, atol=1e-4)
    assert network(torch.rand(1, 3, 64, 64)).cams is None


def test_segmenter_gives_logits_at_feature_resolution() -> None:
    network = Segmenter(SMALL, 4, head_channels=16, atrous_rates=(2, 4)).eval()
    assert network(torch.rand(2, 3, 64, 96)).shape == (2, 5, 4, 6)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "resnet5"}, "neither one of"),
        ({"name": "resnet_50"}, "similar: resnet50,"),
        ({"name": "resnet38d", "weights": "none", "output_stride": 32}, "resnet38d can have 8 or 16"),
        ({"name": "resnet38d"}, "no package has the weights of resnet38d"),
        ({"name": "vit_tiny_patch16_224", "weights": "none"}, "cannot be built with this backbone.output_stride"),
        ({"name": "vgg11", "weights": "none", "output_stride": 32}, "not cut into stages yet; take one of resnet38d, "),
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


def test_weight_file_must_fit(tmp_path: Path) -> None:
    import timm

    path = tmp_path / "lite0.pth"
    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), path)
    Backbone(config.BackboneSettings(weights=str(path)))
    with pytest.raises(InputError, match=r"does not fit ResNet: \d+ of \d+ tensors"):
        Backbone(config.BackboneSettings(name="resnet18", weights=str(path)))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a state dict"):
        Backbone(config.BackboneSettings(weights=str(path)))
