from __future__ import annotations

import pytest
import torch

from wsss import config
from wsss.models import AALR, AuxSegNet, Classifier, Segmenter
from wsss.models.network import Network, SegmentationNetwork
from wsss.ops.upsampling import upsample

BACKBONE = config.BackboneSettings(name="test_resnet", weights="none", output_stride=32, frozen_stages=1)


def auxsegnet(affinity: str) -> AuxSegNet:
    return AuxSegNet(BACKBONE, 2, channels=4, atrous_rates=[1, 1, 1], affinity=affinity)


@pytest.mark.parametrize("name", ["segmenter", "aalr", "refined", "unrefined"])
def test_every_segmentation_network_segments(name: str) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        if name == "segmenter":
            network: SegmentationNetwork = Segmenter(BACKBONE, 2, head_channels=4).eval()
            expected = network(images)
        elif name == "aalr":
            network = AALR(BACKBONE, 2, channels=4, dilation=1).eval()
            expected = network(images).segmentation_logits
        else:
            network = auxsegnet("cross_task" if name == "refined" else "off").eval()
            found = network(images)
            expected = found.refined_segmentation_logits if name == "refined" else found.segmentation_logits
        segmented = network.segment(images)
    assert segmented.shape == (2, 3, 2, 3)
    assert torch.allclose(segmented, expected, atol=1e-6)


@pytest.mark.parametrize("network", [Classifier(BACKBONE, 2), Segmenter(BACKBONE, 2, head_channels=4)])
def test_groups_part_the_backbone_from_the_rest(network: Network) -> None:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = {group: {names[id(p)] for p in parameters} for group, parameters in network.parameter_groups().items()}
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert groups["pretrained"] == {name for name in trained if name.startswith("backbone.")}
    assert groups["new"] == trained - groups["pretrained"]
    assert groups["new"]


def test_nothing_is_taken_over_from_a_state_that_lacks_what_is_needed() -> None:
    network, state = Classifier(BACKBONE, 2), Classifier(BACKBONE, 2).state_dict()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    lacking = {name: value for name, value in state.items() if name != "backbone.parts.1.0.conv1.weight"}
    with pytest.raises(ValueError, match=r"^1 tensors are missing .* `backbone\.parts\.1\.0\.conv1\.weight`$"):
        network.start_from(lacking)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.start_from(state) == []
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_a_network_of_other_classes_keeps_its_own_classifier() -> None:
    network = Classifier(BACKBONE, 2)
    own = network.classifier.weight.clone()
    assert network.start_from(Classifier(BACKBONE, 3).state_dict()) == ["classifier.weight"]
    assert torch.equal(network.classifier.weight, own)


@pytest.mark.parametrize("kind", [Segmenter, AALR])
def test_without_background_no_pixel_can_be_it(kind: type[SegmentationNetwork]) -> None:
    torch.manual_seed(0)
    sizes = {"head_channels": 4} if kind is Segmenter else {"channels": 4, "dilation": 1}
    network = kind(BACKBONE, 2, **sizes).eval()  # type: ignore[arg-type, call-arg]
    images = torch.rand(2, 3, 64, 96)
    before = network.segment(images)
    network.background = False
    logits = network.segment(images)
    assert torch.equal(logits[:, 1:], before[:, 1:])
    for given in (logits, logits.bfloat16(), logits.half()):
        probabilities = upsample(given, (64, 96), network.grid).softmax(1)
        assert not probabilities[:, 0].any()
        assert torch.allclose(probabilities.sum(1), torch.ones(2, 64, 96))
    logits.softmax(1)[:, 1].sum().backward()
    last = network.head[-1] if isinstance(network, Segmenter) else network.segmentation
    assert not last.weight.grad[0].any()
    assert last.weight.grad[1:].any()
