from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wsss.config import BackboneSettings
from wsss.models import AALR, Classifier
from wsss.models.aalr import CAMS, JOINT, SEGMENTATION
from wsss.ops.upsampling import upsample
from wsss.training.checkpoint import build_model, load_model, save_model

BACKBONE = {"name": "tf_efficientnet_lite0", "weights": "none", "output_stride": 16, "frozen_stages": 6}
SMALL = {"channels": 6, "dilation": 1}


def network(**settings: Any) -> AALR:
    return build_model(AALR, {"backbone": BACKBONE, **SMALL, **settings}, 2, seed=1).eval()


def images(seed: int = 0) -> Tensor:
    return torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(seed))


def test_outputs() -> None:
    found = network()(images(), (*JOINT, "features"))
    assert found.class_logits.shape == (2, 2)
    assert found.cams.shape == (2, 2, 4, 6)
    assert found.segmentation_logits.shape == (2, 3, 4, 6)
    assert found.embeddings.shape == (2, 6, 4, 6)
    assert found.features.shape == (2, 320, 4, 6)
    assert found.cams.min() >= 0
    assert found.embeddings.min() >= 0


@pytest.mark.parametrize(
    ("outputs", "ran"),
    [
        (("class_logits",), {"dropout", "classifier", "backbone.classification_head"}),
        (CAMS, {"classifier", "backbone.classification_head"}),
        (SEGMENTATION, {"embedding", "segmentation"}),
        (("embeddings",), {"embedding"}),
        (JOINT, {"dropout", "classifier", "backbone.classification_head", "embedding", "segmentation"}),
    ],
)
def test_a_mode_runs_what_it_needs_and_no_more(outputs: tuple[str, ...], ran: set[str]) -> None:
    built, called = network(), set[str]()
    watched = ("dropout", "classifier", "embedding", "segmentation", "backbone.classification_head")
    for name in watched:
        module: nn.Module = built.get_submodule(name)
        module.register_forward_hook(lambda *_, own=name: called.add(own))
    found = built(images(), outputs)
    assert called == ran
    assert {name for name, value in vars(found).items() if value is not None} == set(outputs)


def test_the_embeddings_can_be_normalised() -> None:
    built = network(normalization="batch")
    built.normalization.train()
    seen: list[Tensor] = []
    built.normalization.register_forward_hook(lambda _module, _input, output: seen.append(output))
    found = built(images(), ("embeddings",))
    assert torch.allclose(seen[0].mean((0, 2, 3)), torch.zeros(6), atol=1e-5)
    assert torch.equal(found.embeddings, seen[0].relu())
    assert set(network().state_dict()) < set(built.state_dict())


def test_a_pyramid_looks_around_by_multiples_of_the_dilation_and_leaves_padding_out() -> None:
    built, pixels = network(segmentation_head="pyramid", dilation=2), images()
    convolutions = [module for module in built.embedding.modules() if isinstance(module, nn.Conv2d)]
    assert [module.dilation[0] for module in convolutions if module.kernel_size == (3, 3)] == [2, 4, 6]
    assert built.segmentation.kernel_size == (1, 1)
    features, inside = built.backbone(pixels), torch.ones(2, 64, 96, dtype=torch.bool)
    inside[:, :, 48:] = False
    pooled: list[Tensor] = []
    built.embedding.convs[-1][1].register_forward_hook(lambda _module, inputs, _output: pooled.append(inputs[0]))
    built(pixels, ("segmentation_logits",), inside)
    shown = built.features_inside(features, inside)
    assert shown is not None
    mean = (features * shown).sum((2, 3)) / shown.sum((2, 3))
    assert torch.allclose(pooled[0].flatten(1), mean, atol=1e-5)
    found = built(pixels, ("embeddings", "segmentation_logits"))
    assert found.embeddings.shape == (2, 6, 4, 6)
    assert found.segmentation_logits.shape == (2, 3, 4, 6)
    assert found.embeddings.min() >= 0


def test_unknown_output() -> None:
    with pytest.raises(ValueError, match="no output `logits`, only class_logits, cams"):
        network()(images(), ("logits",))


def test_cams_of_extra_scales_are_constants_without_dropout() -> None:
    built, pixels = network(dropout=0.9), images()
    expected = built.multi_scale_cams(pixels, (1.0, 0.5, 2.0))
    built.train()
    built.backbone.parts.append(nn.Dropout2d(0.9))
    modes: list[bool] = []
    built.dropout.register_forward_hook(lambda *_: modes.append(True))
    own = built.eval()(pixels, CAMS).cams
    built.train()
    found = built.multi_scale_cams(pixels, (1.0, 0.5, 2.0), own)
    assert built.training
    assert built.dropout.training
    assert torch.allclose(found, expected, atol=1e-6)
    assert not found.requires_grad
    assert modes == []


def test_the_mean_over_scales_reuses_scale_one() -> None:
    built, pixels = network(), images()
    own = built(pixels, CAMS).cams
    sizes: list[tuple[int, int]] = []
    built.backbone.register_forward_hook(lambda _, given, __: sizes.append(tuple(given[0].shape[2:])))
    found = built.multi_scale_cams(pixels, (1.0, 0.5), own)
    # 48 px are snapped to the grid
    assert sizes == [(32, 64)]
    half = torch.nn.functional.interpolate(pixels, (32, 64), mode="bilinear", antialias=True)
    small = upsample(built(half, CAMS).cams, (4, 6), built.grid, built.grid)
    assert torch.allclose(found, (own + small) / 2, atol=1e-6)
    # without scale 1 among them, its CAMs do not enter
    assert torch.allclose(built.multi_scale_cams(pixels, (0.5,), own), small, atol=1e-6)


def test_starts_from_a_classifier() -> None:
    classifier = Classifier(BackboneSettings.parse(BACKBONE), 2)
    built = network()
    new = built.start_from(classifier.state_dict())
    assert new == ["embedding.weight", "embedding.bias", "segmentation.weight", "segmentation.bias"]
    logits = classifier.eval()(images()).logits
    assert torch.allclose(built(images(), ("class_logits",)).class_logits, logits, atol=1e-5)
    other = Classifier(BackboneSettings.parse(BACKBONE), 3)
    with pytest.raises(ValueError, match=r"the first is `classifier.weight`"):
        built.start_from(other.state_dict())


def test_groups_hold_every_trained_parameter_once() -> None:
    built = network()
    groups = built.parameter_groups()
    names = {id(parameter): name for name, parameter in built.named_parameters()}
    assert {names[id(parameter)].split(".")[0] for parameter in groups["new"]} == {
        "classifier",
        "embedding",
        "segmentation",
    }
    together = [id(parameter) for group in groups.values() for parameter in group]
    assert sorted(together) == sorted(id(parameter) for parameter in built.parameters() if parameter.requires_grad)


def test_checkpoint_comes_back(tmp_path: Path) -> None:
    built, path = network(), tmp_path / "model.ckpt"
    save_model(
        path,
        stage="train_aalr",
        model=built,
        model_settings={"backbone": BACKBONE, **built.settings.model_dump(mode="json")},
        class_names=("background", "a", "b"),
        attributes={},
        metrics={},
    )
    again, info = load_model(path, AALR, "train_aalr")
    assert info.kind == "aalr"
    assert again.settings == built.settings
    assert torch.allclose(
        again(images(), SEGMENTATION).segmentation_logits, built(images(), SEGMENTATION).segmentation_logits, atol=1e-5
    )
